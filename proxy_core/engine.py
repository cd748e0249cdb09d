"""The engine owns every part of the proxy, on a thread and a loop of its own: events out, commands in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import uvloop

from proxy_core import __version__, paths
from proxy_core.child import Child
from proxy_core.control import PREFIX, Controls, LaneFacts, control_app
from proxy_core.errors import KvconsoleError, ListenError
from proxy_core.events import (
    Event,
    JournalChanged,
    JournalState,
    Notice,
    Recalled,
    RecordChanged,
    UpstreamChanged,
)
from proxy_core.exchange import Bodies
from proxy_core.gateway import Gateway
from proxy_core.history import History
from proxy_core.insight import Insight, Sources
from proxy_core.intake import Intake
from proxy_core.journal import new_run
from proxy_core.keeper import Keeper
from proxy_core.lanes import Lanes
from proxy_core.lanes.store import LaneStore
from proxy_core.llama.facts import Upstream
from proxy_core.llama.feed import Batch
from proxy_core.log_intake import LogIntake
from proxy_core.logs import STDIN, LogReader
from proxy_core.recalled import recalled
from proxy_core.rulebook import Rulebook
from proxy_core.rules.rule import Level
from proxy_core.serving import bind, is_self, routed, server, until_started
from proxy_core.settings import Flips, Settings
from proxy_core.state import State, load_state, update_state
from proxy_core.switches import Switches
from proxy_core.tasks import spawn
from proxy_core.today import Tally
from proxy_core.upstream import UpstreamClient
from proxy_core.watch import watch_rules, watch_upstream

Listener = Callable[[Event], None]

_TICK_SECONDS = 0.5
_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Inputs:
    """Where the engine's input comes from, apart from the settings."""

    child: Child | None = None
    """A llama-server to start and to stop."""
    stdin: int | None = None
    """A descriptor that a log is piped into."""


class Engine:
    """The proxy and everything around it.

    `start`, `stop` and the commands are called from any thread; the listener is called on the engine's
    thread and must return at once.
    """

    def __init__(self, settings: Settings, listener: Listener, inputs: Inputs | None = None) -> None:
        self.settings = settings
        self.port = 0
        """The port that clients connect to, once started."""
        self._emit = listener
        self._inputs = inputs or Inputs()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="kvconsole-engine", daemon=True)
        self._ready: Future[None] = Future()
        self._stopping = asyncio.Event()
        self._saving = asyncio.Lock()
        self._upstream = Upstream(settings.upstream)
        self._run_name = new_run()
        self._history = History(
            self._tell,
            records=settings.history,
            body_bytes=settings.max_bodies,
            run=self._run_name if settings.journal else None,
        )

    def start(self) -> None:
        """Listen, and start the child if there is one.

        Raises:
            KvconsoleError: The address is taken, the state cannot be read, or the child does not start.
        """
        # Before anything is written to the journal.
        records = recalled(self.settings, self._journal_problem)
        self._history.recall(records)
        try:
            state, problem = load_state(paths.state_file())
            self._state = state
            followed = self._open(state)
        except KvconsoleError:
            self._loop.close()
            raise
        if problem is not None:
            self._tell(Notice("warning", "State", problem))
        self._emit(Recalled(records))
        if set(followed) - set(state.logs_seen):
            self._call(partial(self._save, _with_logs(followed)))
        self._thread.start()
        self._ready.result()

    def stop(self) -> None:
        """Finish or cut what is under way, within 5 seconds, and stop the child. May be called twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_STOP_SECONDS)

    def set_rule(self, rule_id: str, on: bool) -> None:
        """Switch a rule; the next request obeys, and the choice survives a restart."""
        self._call(lambda: self._switches.set_rule(rule_id, on))

    def set_level(self, level: Level) -> None:
        """Switch on what a level allows; the choice survives a restart."""
        self._call(lambda: self._switches.set_level(level))

    def set_flips(self, flips: Flips) -> None:
        """Let switches count at once, or in new conversations only. It does not survive a restart."""
        self._call(lambda: self._switches.set_flips(flips))

    def set_bypass(self, bypass: bool) -> None:
        """Pass everything through untouched, or let the rules work again. It does not survive a restart."""
        self._call(lambda: self._switches.set_bypass(bypass))

    def set_theme(self, name: str) -> None:
        """Remember the theme for the next start."""
        self._call(partial(self._save, _with_theme(name)))

    def look_closer(self, record_id: int) -> None:
        """Let the server's own tokenizer count what a turn shares with the one before it."""
        self._call(lambda: self._insight.look_closer(record_id))

    def bodies(self, record_id: int) -> Bodies | None:
        """A record's request bodies; None when there are none, or no longer. It may have to read the disk."""
        kept, record = self._history.bodies(record_id), self._history.get(record_id)
        return kept if kept is not None or record is None else self._keeper.bodies(record)

    @property
    def remembered_theme(self) -> str | None:
        """The theme that was chosen in an earlier run."""
        return self._state.theme

    def _open(self, state: State) -> list[str]:
        """Listen, and get the rules and logs ready; gives the log files. Nothing is left open on an error."""
        self._socket = bind(self.settings.listen_host, self.settings.listen_port)
        self.port = self._socket.getsockname()[1]
        if is_self(self.settings.upstream, self.settings.listen_host, self.port):
            self._socket.close()
            raise ListenError(
                f"The upstream {self.settings.upstream} is where kvconsole itself would listen. "
                "Name llama-server's address with --upstream, or choose another --listen."
            )
        level = self.settings.level_or(state.level)
        self._rules = Rulebook(paths.rules_dir(), state.rules, level=level, bypass=not self.settings.rules)
        self._store = LaneStore(paths.lanes_file(), tell=self._lanes_problem)
        self._lanes = Lanes(self._store)
        self._switches = Switches(
            self._rules,
            self._lanes,
            self.settings.flips,
            tell=self._tell,
            flipped=self._history.flipped,
            save=self._save,
        )
        self._client = UpstreamClient(self.settings.upstream, self.settings.connect_timeout)
        has_log = bool(self.settings.log) or self._inputs.child is not None
        sources = Sources(self._history, self._lanes, self._rules, self._client, self.bodies, has_log)
        self._insight = Insight(sources, self._tell)
        self._log_intake = LogIntake(self._history, self._insight, self._tell)
        self._logs = LogReader(self._from_log_thread, self._notice_from_thread)
        self._keeper = Keeper(
            self.settings,
            self._run_name,
            self._history,
            lambda: self._upstream.build_info,
            self._journal_problem,
        )
        inputs = self._inputs
        try:
            return self._logs.open(self.settings.log, inputs.stdin, inputs.child, state.logs_seen)
        except KvconsoleError:
            self._socket.close()
            self._logs.close()
            self._store.close()
            self._keeper.close()
            raise

    def _call(self, command: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(command)

    def _tell(self, event: Event) -> None:
        self._emit(event)
        if isinstance(event, RecordChanged):
            self._keeper.record(event.record)
            self._insight.record(event.record)

    # On the engine's thread from here on.

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            raise
        finally:
            # Nothing to do after an orderly end; after a fault, the child must not stay behind.
            self._logs.close()
            self._loop.close()

    async def _main(self) -> None:
        intake = Intake(
            self._lanes, lambda: self._rules.current, lambda: self._rules.bypass, lambda: self._upstream.ctx
        )
        limit = self.settings.body_limit
        heard = self._keeper.heard if self.settings.journal else None
        gateway = Gateway(self._client, self._history, intake, self._switches.saw, heard, body_limit=limit)
        http = server(routed(PREFIX, control_app(self._controls()), gateway))
        serving = spawn(http.serve(sockets=[self._socket]), "http server")
        await until_started(http, serving)
        tasks = [
            spawn(watch_upstream(self._client, self._upstream_changed), "watch upstream"),
            spawn(self._watch_rules(), "watch rules"),
            spawn(self._tick(), "tick"),
            spawn(self._log_intake.work(), "read logs"),
            *(spawn(work, "insight") for work in self._insight.work()),
        ]
        self._begin()
        self._ready.set_result(None)
        await self._stopping.wait()
        http.should_exit = True
        await asyncio.wait({serving}, timeout=_STOP_SECONDS - 1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._logs.close)
        self._log_intake.finish()
        await asyncio.to_thread(self._store.close)
        await asyncio.to_thread(self._keeper.close)
        await self._client.close()
        async with self._saving:
            # The lock is fair: whoever asked for it before has saved by now.
            return

    def _begin(self) -> None:
        self._switches.begin()
        self._logs.start()

    def _controls(self) -> Controls:
        return Controls(
            version=__version__,
            upstream=lambda: self._upstream,
            logs=[str(Path(log).absolute()) if log != STDIN else log for log in self.settings.log],
            rules=lambda: self._rules.current,
            bypass=lambda: self._rules.bypass,
            stale=lambda: self._switches.stale,
            set_rule=self._switches.set_rule,
            recent=self._history.recent,
            bodies=self.bodies,
            journal=lambda: self._keeper.state,
            totals=lambda: self._history.totals,
            ledger=lambda: self._insight.ledger,
            board=lambda: self._insight.board,
            lanes=self._lane_facts,
            forget_lanes=self._forget_lanes,
        )

    def _lane_facts(self) -> list[LaneFacts]:
        return [
            LaneFacts(
                lane.id, lane.client, lane.session, len(lane.chain), lane.seen, len(lane.memory), lane.size
            )
            for lane in self._lanes.live(0.0)
        ]

    async def _forget_lanes(self, lane_id: str | None) -> int:
        here = self._lanes.forget(lane_id)
        # Those that only the file knows are forgotten as well.
        return here + await asyncio.to_thread(self._store.forget, lane_id)

    def _upstream_changed(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._insight.upstream(upstream)
        self._tell(UpstreamChanged(upstream))

    async def _watch_rules(self) -> None:
        try:
            await watch_rules(self._rules.folder, self._switches.reload)
        except OSError as error:
            message = f"{self._rules.folder} cannot be watched: {error.strerror}. Restart to see changes."
            self._tell(Notice("warning", "Rules", message))

    def _from_log_thread(self, batch: Batch) -> None:
        self._loop.call_soon_threadsafe(self._log_intake.put, batch)

    def _lanes_problem(self, problem: str) -> None:
        self._call(lambda: self._tell(Notice("warning", "Rule memory", problem)))

    def _journal_problem(self, problem: str) -> None:
        self._call(lambda: self._tell(Notice("warning", "Journal", problem)))

    def _notice_from_thread(self, notice: Notice) -> None:
        self._loop.call_soon_threadsafe(self._tell, notice)

    async def _tick(self) -> None:
        tally = Tally(self._tell)
        told: JournalState | None = None
        try:
            while True:
                if told != (told := self._keeper.state):
                    self._tell(JournalChanged(told))
                self._history.expire()
                self._insight.tick()
                await tally.keep(self._history.totals)
                await asyncio.sleep(_TICK_SECONDS)
        finally:
            tally.keep_now(self._history.totals)

    def _save(self, change: Callable[[State], State]) -> None:
        spawn(self._save_off_loop(change), "save state")

    async def _save_off_loop(self, change: Callable[[State], State]) -> None:
        # One after the other: of two threads, the later change could be saved first.
        async with self._saving:
            try:
                await asyncio.to_thread(update_state, paths.state_file(), change)
            except KvconsoleError as error:
                self._tell(Notice("warning", error.title, error.message))


def _with_theme(name: str) -> Callable[[State], State]:
    return lambda state: msgspec.structs.replace(state, theme=name)


def _with_logs(logs: list[str]) -> Callable[[State], State]:
    return lambda state: msgspec.structs.replace(state, logs_seen=sorted({*state.logs_seen, *logs}))
