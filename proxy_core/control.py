"""The control API under /kvconsole/: for scripts on this machine, never for web pages.

A page on the web can make a browser send requests to 127.0.0.1, so everything here is refused unless the
connection, the Host and the Origin are all loopback.
"""

from __future__ import annotations

import html
import ipaddress
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, NamedTuple

from fastapi import FastAPI, HTTPException, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, StrictBool, StrictStr

from proxy_core import asgi
from proxy_core.board import Board
from proxy_core.events import JournalState, Totals
from proxy_core.exchange import Bodies, Record
from proxy_core.ledger import Account, Ledger
from proxy_core.llama.facts import Upstream
from proxy_core.llama.turns import Turn
from proxy_core.rules import RuleSet
from proxy_core.verdict import Verdict

PREFIX = "/kvconsole"


class LaneFacts(NamedTuple):
    """What there is to say about a conversation that rules remember something of."""

    id: str
    client: str | None
    session: str | None
    """The key by which the client names the conversation, where it sends one."""
    messages: int
    """Messages that it is recognized by."""
    seen: float
    """When it was used last, in seconds since the epoch."""
    values: int
    """Values that rules remember."""
    bytes: int
    """How many bytes these take."""


@dataclass(frozen=True)
class Controls:
    """What the API may ask and do; all of it runs on the engine's loop."""

    version: str
    upstream: Callable[[], Upstream]
    logs: Sequence[str]
    """Paths of the log files that are followed; `-` is standard input."""
    rules: Callable[[], RuleSet]
    bypass: Callable[[], bool]
    """Whether everything passes through untouched."""
    stale: Callable[[], frozenset[str]]
    """Ids of the rules that no longer find anything in what their client sends."""
    set_rule: Callable[[str, bool], None]
    recent: Callable[[int], list[Record]]
    bodies: Callable[[int], Bodies | None]
    """May be called from any thread, and read the disk."""
    journal: Callable[[], JournalState]
    totals: Callable[[], Totals]
    ledger: Callable[[], Ledger]
    board: Callable[[], Board]
    lanes: Callable[[], Sequence[LaneFacts]]
    """The conversations in memory, in any order."""
    forget_lanes: Callable[[str | None], Awaitable[int]]
    """Forgets what rules remember of one conversation or of all, on disk too; gives of how many."""


class Switch(BaseModel):
    """Body of a request that switches a rule."""

    model_config = ConfigDict(extra="forbid")

    on: StrictBool


class Forget(BaseModel):
    """Body of a request that forgets rule memory."""

    model_config = ConfigDict(extra="forbid")

    lane: StrictStr | None = None
    """Id of the one conversation; without it all of them."""


def control_app(controls: Controls) -> asgi.App:
    """The API as an ASGI app that refuses everybody who is not on this machine."""
    api = FastAPI(
        title="kvconsole",
        version=controls.version,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    _add_facts(api, controls)
    _add_rules(api, controls)
    _add_lanes(api, controls)
    _add_exchanges(api, controls)

    @api.get("/", include_in_schema=False)
    def page() -> HTMLResponse:
        return HTMLResponse(_page(api.openapi()))

    async def guarded(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if not is_local(scope):
            message = "The control API answers only to programs on this machine."
            await asgi.refuse(send, None, 403, message, "not_local")
            return
        await api({**scope, "root_path": PREFIX}, receive, send)

    return guarded


def is_local(scope: asgi.Scope) -> bool:
    """Whether a request comes from this machine, and from no web page of another site."""
    headers = [(name.lower(), value.decode("latin-1")) for name, value in scope["headers"]]
    hosts = [value for name, value in headers if name == b"host"]
    origins = [value.partition("://")[2] for name, value in headers if name == b"origin"]
    sites = [value for name, value in headers if name == b"sec-fetch-site"]
    client = scope.get("client")
    return (
        (client is None or _is_loopback(client[0]))
        and len(hosts) == 1
        and all(_LOCAL_HOST.fullmatch(host) for host in (*hosts, *origins))
        # Browsers send it also with the requests of images and scripts, which carry no origin.
        and all(site in ("same-origin", "same-site", "none") for site in sites)
    )


_LOCAL_HOST = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE)


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _add_facts(api: FastAPI, controls: Controls) -> None:
    @api.get("/health", summary="Is kvconsole alive, and its upstream?")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "upstream": asdict(controls.upstream())}

    @api.get("/version", summary="Version of kvconsole and build of llama-server")
    async def version() -> dict[str, str | None]:
        return {"kvconsole": controls.version, "llama_server": controls.upstream().build}

    @api.get("/setup", summary="Where requests go, which logs are followed, and whether rules are bypassed")
    async def setup() -> dict[str, Any]:
        upstream = controls.upstream().url
        return {"upstream": upstream, "logs": list(controls.logs), "bypass": controls.bypass()}

    @api.get("/journal", summary="Where requests are kept, and how many could not be")
    async def journal() -> dict[str, Any]:
        return asdict(controls.journal())

    @api.get("/counters", summary="Sums since the start; times in ms")
    async def counters() -> dict[str, Any]:
        totals = controls.totals()
        return {**asdict(totals), "hits": dict(totals.hits)}

    @api.get("/ledger", summary="What rules saved and what each cause cost; tokens, and times in ms")
    async def ledger() -> dict[str, Any]:
        kept = controls.ledger()
        return {
            "total": _account(kept.total),
            "lanes": {lane: _account(account) for lane, account in kept.lanes},
            "predictions": {"checked": kept.checks, "median_error": kept.error},
        }

    @api.get("/slots", summary="Who holds which slot, and how each conversation stands")
    async def slots() -> dict[str, Any]:
        board = controls.board()
        return {
            "slots": [asdict(slot) for slot in board.slots],
            "lanes": [asdict(lane) | {"verdict": _verdict(lane.verdict)} for lane in board.lanes],
        }


def _add_rules(api: FastAPI, controls: Controls) -> None:
    def shown(rule_id: str) -> dict[str, Any]:
        rules = controls.rules()
        rule = rules.get(rule_id)
        if rule is None:
            raise HTTPException(404, f"There is no rule {rule_id!r}.")
        return {
            "id": rule.id,
            "title": rule.title,
            "on": rule.id in rules.enabled,
            "level": rule.level,
            "client": rule.client,
            "does": rule.does,
            "cost": rule.cost,
            "source": rule.source,
            "hits": dict(controls.totals().hits).get(rule.id, 0),
            "stale": rule.id in controls.stale(),
        }

    @api.get("/rules", summary="All rules, with their state and hits")
    async def rules() -> list[dict[str, Any]]:
        return [shown(rule.id) for rule in controls.rules().rules]

    @api.post("/rules/{rule_id}", summary="Switch a rule on or off; the next request obeys")
    async def switch(rule_id: str, wanted: Switch) -> dict[str, Any]:
        shown(rule_id)
        controls.set_rule(rule_id, wanted.on)
        return shown(rule_id)


def _add_lanes(api: FastAPI, controls: Controls) -> None:
    @api.get("/lanes", summary="Conversations that rules remember something of, newest first")
    async def lanes() -> list[dict[str, Any]]:
        return [lane._asdict() for lane in sorted(controls.lanes(), key=lambda lane: -lane.seen)]

    @api.post("/lanes/forget", summary="Forget what rules remember of one conversation, or of all")
    async def forget(wanted: Forget) -> dict[str, int]:
        return {"forgotten": await controls.forget_lanes(wanted.lane)}


def _add_exchanges(api: FastAPI, controls: Controls) -> None:
    @api.get("/exchanges", summary="The newest exchanges and turns, oldest first")
    async def exchanges(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[dict[str, Any]]:
        return [as_json(record) for record in controls.recent(limit)]

    @api.get("/exchanges/{record_id}/edits", summary="What the rules changed in a request")
    async def edits(record_id: int) -> list[dict[str, Any]]:
        record = next((r for r in controls.recent(10**9) if r.id == record_id), None)
        if record is None or record.exchange is None:
            raise HTTPException(404, "There is no such exchange, or no longer.")
        return [edit._asdict() for edit in record.exchange.edits]

    @api.get("/exchanges/{record_id}/diagnosis", summary="Why a turn cost what it cost; times in ms")
    async def diagnosis(record_id: int) -> dict[str, Any]:
        record = next((r for r in controls.recent(10**9) if r.id == record_id), None)
        if record is None or record.diagnosis is None:
            raise HTTPException(404, "There is no diagnosis of it, or no longer.")
        verdict = record.diagnosis.verdict
        return asdict(record.diagnosis) | {"verdict": asdict(verdict) | {"side": verdict.side}}

    @api.get("/exchanges/{record_id}/raw", summary="A request's body as the client sent it")
    def raw(record_id: int) -> Response:
        # On a thread of its own, as the next one: it may have to read the disk.
        return _body(controls.bodies(record_id), "raw")

    @api.get("/exchanges/{record_id}/normalized", summary="A request's body as it was forwarded")
    def normalized(record_id: int) -> Response:
        return _body(controls.bodies(record_id), "normalized")


def as_json(record: Record) -> dict[str, Any]:
    """A record as a JSON object; unknown figures are null. Times in ms, `at` in seconds since the epoch."""
    exchange = record.exchange
    return {
        "id": record.id,
        "journal": record.name,
        "recalled": record.recalled,
        "at": record.at,
        "method": exchange.method if exchange else None,
        "path": exchange.path if exchange else None,
        "api": exchange.label if exchange else None,
        "client": exchange.client if exchange else None,
        "model": exchange.model if exchange else None,
        "messages": exchange.messages if exchange else None,
        "status": exchange.status if exchange else _ended(record.turn),
        "http_status": exchange.http_status if exchange else None,
        "note": exchange.note if exchange else None,
        "edits": dict(Counter(edit.rule for edit in exchange.edits)) if exchange else {},
        "prompt_tokens": record.prompt_tokens,
        "cached_tokens": record.cached_n,
        "evaluated_tokens": record.prompt_n,
        "reused": record.reused,
        "sim_best": record.sim,
        "f_keep": record.f_keep,
        "prompt_ms": record.prompt_ms,
        "total_ms": record.total_ms,
        "flipped": record.flipped,
        "lane": exchange.lane if exchange else None,
        "verdict": _verdict(record.diagnosis.verdict if record.diagnosis else None),
        "lost_tokens": record.diagnosis.lost_n if record.diagnosis else None,
        "saved_tokens": record.diagnosis.saved_n if record.diagnosis else None,
    }


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    """A verdict in short."""
    if verdict is None:
        return None
    return {
        "cause": verdict.cause,
        "detail": verdict.detail,
        "side": verdict.side,
        "predicted": verdict.predicted,
    }


def _account(account: Account) -> dict[str, Any]:
    lost = {cause: amount._asdict() for cause, amount in account.lost}
    return {"turns": account.turns, "saved": account.saved._asdict(), "lost": lost}


def _ended(turn: Turn | None) -> str:
    """How a turn ended that no exchange belongs to."""
    if turn is None or turn.error is None:
        return "cancelled" if turn is not None and turn.cancelled else "done"
    return "error"


def _body(bodies: Bodies | None, which: str) -> Response:
    if bodies is None:
        raise HTTPException(404, "That body is not kept, or no longer.")
    data = bodies.raw if which == "raw" else bodies.normalized
    # Never a type that a browser would render: prompts hold what strangers wrote.
    headers = {"X-Content-Type-Options": "nosniff"}
    return Response(data, media_type="application/octet-stream", headers=headers)


def _page(schema: dict[str, Any]) -> str:
    """The API at a glance. Written here, since the usual pages load scripts from other hosts."""
    rows = [
        f"<tr><td><code>{html.escape(method.upper())}</code></td><td><code>{PREFIX}{html.escape(path)}</code></td>"
        f"<td>{html.escape(operation.get('summary', ''))}</td></tr>"
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]
    return (
        "<!doctype html><meta charset=utf-8><title>kvconsole</title>"
        "<style>body{font:16px system-ui;margin:3em auto;max-width:50em}td{padding:.2em 1em .2em 0}</style>"
        f"<h1>kvconsole {html.escape(schema['info']['version'])}</h1><table>{''.join(rows)}</table>"
        f'<p>The same as <a href="{PREFIX}/openapi.json">OpenAPI</a>.</p>'
    )
