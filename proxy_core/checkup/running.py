"""What a running kvconsole tells over its control API."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from proxy_core.checkup.asking import Asker
from proxy_core.checkup.setup import Lane, Loss, Proxy, Request, RuleSeen
from proxy_core.checkup.who import kvconsole_at
from proxy_core.control import PREFIX
from proxy_core.verdict import Cause

_REQUESTS = 500

_T = TypeVar("_T")


class _Setup(msgspec.Struct):
    upstream: str | None = None
    bypass: bool | None = None
    logs: tuple[str, ...] | None = None


class _Amount(msgspec.Struct):
    tokens: int = 0
    turns: int = 0


class _Account(msgspec.Struct):
    turns: int = 0
    lost: dict[Cause, _Amount] = {}


class _Ledger(msgspec.Struct):
    total: _Account = msgspec.field(default_factory=_Account)


class _Journal(msgspec.Struct):
    dropped: int = 0


async def ask_running(asker: Asker, base: str) -> tuple[Proxy, tuple[Lane, ...] | None] | None:
    """The kvconsole at `base` and its conversations, newest first; None when none runs there."""
    version = await kvconsole_at(asker, base)
    if version is None:
        return None
    setup = await _asked(asker, f"{base}{PREFIX}/setup", _Setup) or _Setup()
    rules = await _asked(asker, f"{base}{PREFIX}/rules", tuple[RuleSeen, ...])
    requests = await _asked(asker, f"{base}{PREFIX}/exchanges?limit={_REQUESTS}", tuple[Request, ...])
    lanes = await _asked(asker, f"{base}{PREFIX}/lanes", tuple[Lane, ...])
    ledger = await _asked(asker, f"{base}{PREFIX}/ledger", _Ledger) or _Ledger()
    journal = await _asked(asker, f"{base}{PREFIX}/journal", _Journal) or _Journal()
    proxy = Proxy(
        version,
        setup.upstream,
        setup.bypass,
        setup.logs,
        rules or (),
        # What came of earlier runs is settled.
        tuple(request for request in requests or () if not request.recalled),
        ledger.total.turns,
        tuple(Loss(cause, lost.tokens, lost.turns) for cause, lost in ledger.total.lost.items()),
        journal.dropped,
    )
    return proxy, lanes


async def _asked(asker: Asker, url: str, kind: type[_T]) -> _T | None:
    """An answer as a value; None when there is none, or it has another form."""
    reply = await asker.get(url)
    try:
        return msgspec.json.decode(reply.body, type=kind) if reply.status == 200 else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
