"""What a log says about its server: how it was started, and what it cannot do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from proxy_core.llama import events as ev
from proxy_core.llama.builds import build_number

NO_LIMIT = -1.0
"""A host cache without a limit, as in `--cache-ram -1`."""


@dataclass(frozen=True, slots=True)
class LogFacts:
    """One server as its log shows it; None is unknown."""

    port: int | None = None
    """Of the child server, in a router's log."""
    build: int | None = None
    at_least: int | None = None
    """The oldest build that writes such lines, where the log does not name the build."""
    verbosity: int | None = None
    slots: int | None = None
    n_ctx_slot: int | None = None
    """Context of one slot in tokens."""
    kv_unified: bool | None = None
    cache_mib: float | None = None
    """Limit of the host cache in MiB: 0 when it is off, `NO_LIMIT` when it has none."""
    checkpoints: int | None = None
    """Most context checkpoints of a slot."""
    unsupported: tuple[str, ...] = ()
    """Options that the log says do not work with this model or context, such as `--cache-reuse`."""
    address: str | None = None
    """Where it listens, such as `http://127.0.0.1:8080`."""
    model: str | None = None
    """Path of the model."""
    asleep: bool = False
    starts: int = 0
    """Starts that the log shows, waking up included."""
    tasks: int = 0
    """Tasks that it shows."""
    stamp: float | None = None
    """Seconds from the server's start to the last line that has a time."""


NOTHING = LogFacts()


class LogCollector:
    """Gathers facts from the events of one log in their order. A new start replaces what was known."""

    def __init__(self) -> None:
        self._facts: dict[int | None, LogFacts] = {}
        self._starting: set[int | None] = set()
        self._newest: int | None = None

    @property
    def facts(self) -> LogFacts:
        """The server that was heard last: of a router's children the one that works."""
        return self._facts.get(self._newest, NOTHING)

    def of(self, port: int | None) -> LogFacts:
        """The child of a router that has this port; None is a server of its own, or the router."""
        return self._facts.get(port, NOTHING)

    def feed(self, event: ev.LogEvent) -> None:
        """Take one event."""
        known = self._facts.get(event.port) or LogFacts(port=event.port)
        match event:
            case ev.ServerState():
                known = _with_state(self._begun(known, event), event)
            case ev.HostCache(what="limit" | "state"):
                limit = NO_LIMIT if event.limit_mib is None else event.limit_mib
                known = _at_least(replace(known, cache_mib=limit), 6723)
            case ev.TaskStarted():
                self._starting.discard(event.port)
                known = replace(known, tasks=known.tasks + 1, asleep=False)
            case ev.SlotCandidate():
                known = _at_least(known, 10178)
            case ev.SlotSelected() if event.sim_best is not None:
                known = _at_least(known, 6723)
            case _:
                pass
        if event.stamp is not None:
            known = replace(known, stamp=event.stamp)
        self._facts[event.port] = known
        self._newest = event.port

    def _begun(self, known: LogFacts, event: ev.ServerState) -> LogFacts:
        """What is still known when a line may belong to another start.

        Builds of today announce their start; older ones name their build first, or begin to load.
        """
        begun = event.port in self._starting
        again = (
            event.what == "starting"
            or (event.what == "build" and not (begun and known.build is None))
            or (event.what == "loading" and not begun)
        )
        if event.what in ("starting", "build", "loading", "waking"):
            self._starting.add(event.port)
        if event.what == "waking":
            return replace(known, starts=known.starts + 1)
        return LogFacts(port=known.port, starts=known.starts + 1, tasks=known.tasks) if again else known


def _with_state(known: LogFacts, event: ev.ServerState) -> LogFacts:
    match event.what:
        case "build":
            return replace(known, build=build_number(event.text))
        case "verbosity":
            return _at_least(replace(known, verbosity=event.verbosity), 9151)
        case "loading":
            return replace(known, model=event.text or known.model)
        case "slots":
            return _with_slots(known, event)
        case "slot":
            return replace(known, n_ctx_slot=event.n_ctx_slot or known.n_ctx_slot)
        case "checkpoints":
            return replace(known, checkpoints=event.n_checkpoints)
        case "unsupported":
            return replace(known, unsupported=tuple(sorted({*known.unsupported, event.text})))
        case "listening":
            return replace(known, address=event.text or known.address)
        case "sleeping" | "waking":
            return replace(known, asleep=event.what == "sleeping")
        case _:
            return known


def _with_slots(known: LogFacts, event: ev.ServerState) -> LogFacts:
    n_ctx_slot = event.n_ctx_slot or known.n_ctx_slot
    if event.kv_unified is None:
        return replace(known, slots=event.n_slots, n_ctx_slot=n_ctx_slot)
    known = replace(known, slots=event.n_slots, n_ctx_slot=n_ctx_slot, kv_unified=event.kv_unified)
    return _at_least(known, 9829)


def _at_least(known: LogFacts, build: int) -> LogFacts:
    return replace(known, at_least=max(known.at_least or 0, build))
