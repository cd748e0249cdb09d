"""Plays a case at a fresh real llama-server, directly or through something, and reads the server's log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import NamedTuple, TypeAlias

import httpx

from proxy_core.llama.turns import Turn
from tests.clients.case import Case, Sent
from tests.clients.mouth import ALONE, TASKS, speaking
from tests.gateway.playing import logged
from tests.real_llama import ServerOptions, running_llama

SLOTS = 4
"""One for the conversation and some for what runs beside it, as its user would be advised to have."""

CONTEXT = 131072
"""Tokens of all slots together: each holds the longest case twice."""

Through: TypeAlias = Callable[[str], AbstractContextManager[str]]
"""Puts something in front of an address and gives its own."""


class Played(NamedTuple):
    """One request, and what the server logged about it."""

    sent: Sent
    turns: tuple[Turn, ...]
    """The first one read the prompt; of a scripted case, the second one read the answer with it."""

    @property
    def cached(self) -> int:
        """Tokens of the prompt that the server did not have to read."""
        return self.turns[0].cached_n or 0

    @property
    def tokens(self) -> int:
        """Tokens of the prompt."""
        return _tokens(self.turns[0])


class Row(NamedTuple):
    """One request."""

    turn: int
    cached: int
    """Tokens that the server did not have to read."""
    tokens: int
    """Tokens of the prompt."""
    held: int | None
    """Tokens that the slot held after the request before it in its lane; None for the first one."""

    @property
    def ideal(self) -> int:
        """What could have been cached."""
        return min(self.held or 0, self.tokens)


def play(case: Case, folder: Path, through: Through | None = None, *, short: bool = False) -> list[Row]:
    """Each request of a case, as a fresh server's own log has it; arguments as for `played`."""
    held: dict[str, int] = {}
    rows: list[Row] = []
    for one in played(case, folder, through, short=short):
        rows.append(Row(one.sent.turn, one.cached, one.tokens, held.get(one.sent.lane)))
        held[one.sent.lane] = _tokens(one.turns[-1])
    return rows


def played(case: Case, folder: Path, through: Through | None = None, *, short: bool = False) -> list[Played]:
    """Send all requests of a case to a fresh server, one after the other.

    Args:
        case: What is sent.
        folder: Takes the server's log; an empty one.
        through: What stands between client and server; nothing when None.
        short: Play the shortened conversation.
    """
    requests = list(case.requests(short))
    log = folder / "server.log"
    with ExitStack() as stack:
        # Threads of a model this small wait for one another more than they work, above all on busy cores.
        # Level 4 tells when a prompt comes back from the host cache.
        options = ServerOptions(parallel=SLOTS, ctx=CONTEXT, threads=1, verbosity=4)
        server = stack.enter_context(running_llama(log, **options))
        mouth = stack.enter_context(speaking(server.url)) if case.scripted else None
        url = stack.enter_context((through or nullcontext)(mouth.url if mouth else server.url))
        client = stack.enter_context(httpx.Client(base_url=url, timeout=60.0, trust_env=False, limits=ALONE))
        for sent in requests:
            if mouth is not None:
                mouth.says = sent.spoken
            client.post(sent.path, content=sent.body, headers=sent.headers).raise_for_status()
        tasks = TASKS if case.scripted else 1
        turns = logged(log, len(requests) * tasks)
    own = (tuple(turns[n * tasks : (n + 1) * tasks]) for n in range(len(requests)))
    return [Played(sent, logged_for) for sent, logged_for in zip(requests, own, strict=True)]


def _tokens(turn: Turn) -> int:
    return (turn.cached_n or 0) + (turn.prompt_n or 0)


def continued(rows: Sequence[Row]) -> list[Row]:
    """The requests that continue another, from the second turn on."""
    return [row for row in rows if row.turn > 1 and row.held is not None]


def reused(rows: Sequence[Row]) -> float:
    """Cached tokens of all prompt tokens, over the requests that continue another."""
    return sum(row.cached for row in continued(rows)) / sum(row.tokens for row in continued(rows))


def ideal(rows: Sequence[Row]) -> float:
    """The same if all of the request before had been cached."""
    return sum(row.ideal for row in continued(rows)) / sum(row.tokens for row in continued(rows))


def evaluated(rows: Sequence[Row]) -> int:
    """Tokens that the server had to read, in all requests."""
    return sum(row.tokens - row.cached for row in rows)
