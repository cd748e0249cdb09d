"""Do the clients talk to kvconsole, and does it understand them?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from proxy_core.checkup.findings import Finding
from proxy_core.checkup.setup import Setup
from proxy_core.checkup.who import is_here, port_of, same_place
from proxy_core.checkup.words import ago, listed, plural
from proxy_core.clients import CLIENTS
from proxy_core.routes import TELEMETRY
from proxy_core.visible import visible

BASE_URLS = ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_BASE_URL", "OPENAI_HOST")
"""Variables by which clients find their model: Claude Code, the OpenAI SDKs, Aider, Open WebUI, Goose."""

_RECENT_SECONDS = 600.0
_SHARE_OF_REFUSED = 0.2


def check_environment(setup: Setup) -> Iterator[Finding]:
    """Where the clients of this shell are pointed."""
    wanted = setup.settings.listen_port
    for name, url in setup.base_urls.items():
        place = _place(url)
        if place is None:
            saw = f"{name} is set to something that is no URL."
            yield Finding("clients", "environment", "hint", saw, f"Set it to {_base(setup, name)}.")
        elif same_place(url, setup.upstream):
            saw = f"{name} points at llama-server itself ({visible(place)}), past kvconsole."
            yield Finding("clients", "environment", "problem", saw, f"Set it to {_base(setup, name)}.")
        elif is_here(url) and port_of(url) == wanted:
            yield _path_of(setup, name, url, place)
        else:
            saw = f"{name} points at {visible(place)}, which is not kvconsole."
            do = f"If that client should use llama-server's cache: set it to {_base(setup, name)}."
            yield Finding("clients", "environment", "hint", saw, do)


def check_traffic(setup: Setup) -> Iterator[Finding]:
    """Whether requests come through kvconsole, or go past it."""
    through, direct, base = setup.through, setup.direct, _base(setup, "")
    log = setup.newest_log
    if through:
        newest = max((r.at for r in through if r.at is not None), default=setup.now)
        names = listed(sorted({visible(r.client) for r in through if r.client})) or "unknown clients"
        last = ago(setup.now - newest)
        saw = f"{plural(len(through), 'request')} with a prompt, from {names}; the last one {last} ago."
        if direct:
            saw += (
                f" {plural(len(direct), 'turn')} more in llama-server's log did not come through kvconsole."
            )
            do = f"Point that client at {base} too: its prompts take slots from the others."
            yield Finding("clients", "traffic", "hint", saw, do)
        else:
            yield Finding("clients", "traffic", "ok", saw)
    elif direct:
        saw = (
            f"llama-server had {plural(len(direct), 'turn')}, none of them through kvconsole: the "
            "client goes past it."
        )
        yield Finding("clients", "traffic", "problem", saw, f"Point the client at {base}.")
    elif setup.lanes and log is not None and setup.lanes[0].seen > log.modified - _RECENT_SECONDS:
        last = ago(setup.now - setup.lanes[0].seen)
        yield Finding("clients", "traffic", "ok", f"A request came through kvconsole {last} ago.")
    elif log is not None and log.turns and setup.now - log.modified < _RECENT_SECONDS:
        # Nobody saw these turns come, so they may be from before the kvconsole that runs.
        saw = f"llama-server had {plural(len(log.turns), 'turn')} lately, and kvconsole saw no request."
        start = "Point" if setup.proxy is not None else "Start kvconsole, and point"
        yield Finding("clients", "traffic", "hint", saw, f"{start} the client at {base}.")
    else:
        saw = "No request has come yet."
        yield Finding("clients", "traffic", "unknown", saw, f"Point the client at {base}.")


def check_refused(setup: Setup) -> Iterator[Finding]:
    """Requests that came to nothing: a wrong base URL, a model that is not there, a prompt too long."""
    if setup.proxy is None:
        return
    ended = [r for r in setup.proxy.requests if r.http_status is not None]
    refused = [r for r in ended if r.http_status is not None and r.http_status >= 400]
    if not refused or len(refused) < _SHARE_OF_REFUSED * len(ended):
        return
    kinds = Counter((r.http_status, r.path or "?") for r in refused)
    status, path = kinds.most_common(1)[0][0]
    path = path.partition("?")[0]
    saw = (
        f"{len(refused)} of {plural(len(ended), 'request')} were refused; most often "
        f"{visible(path)}, with {status}."
    )
    if status == 404:
        twice = "/v1/v1/" in path
        do = (
            "Take /v1 away from the client's base URL: the client adds it."
            if twice
            else "llama-server knows no such path: check the client's base URL."
        )
    elif status == 401:
        do = "llama-server wants an API key: give the client the one of --api-key."
    elif status == 502:
        do = "llama-server could not be reached; see what is said of it above."
    else:
        do = "The answer's text says why; kvconsole shows it in the request's row."
    yield Finding("clients", "refused", "hint", saw, do)


def check_recognized(setup: Setup) -> Iterator[Finding]:
    """Whether there are rules for those who call."""
    unknown = Counter(r.client or "one without a name" for r in setup.through if r.client not in CLIENTS)
    if not unknown:
        return
    names = listed([visible(name) for name, _ in unknown.most_common()])
    saw = (
        f"kvconsole has rules of its own for none of these clients: {names}. Only the rules for "
        "any client run."
    )
    do = "If their prompts are cold: `kvconsole rules new` writes a rule to begin with."
    yield Finding("clients", "recognized", "hint", saw, do)


def check_untouched(setup: Setup) -> Iterator[Finding]:
    """Requests that rules could not work on."""
    noted = [r for r in setup.through if r.note and r.status == "done" and r.api != TELEMETRY]
    if noted:
        saw = (
            f"{plural(len(noted), 'request')} of {len(setup.through)} came with a remark; the "
            f"last one: {visible(noted[-1].note or '')}"
        )
        yield Finding("clients", "remarks", "hint", saw)


def _path_of(setup: Setup, name: str, url: str, place: str) -> Finding:
    """Who appends /v1 and who does not."""
    path = urlsplit(url).path.rstrip("/")
    if name == "ANTHROPIC_BASE_URL" and path.endswith("/v1"):
        saw = f"{name} ends with /v1, which Claude Code adds by itself."
        return Finding("clients", "environment", "problem", saw, f"Set it to {_base(setup, name)}.")
    return Finding("clients", "environment", "ok", f"{name} points at kvconsole ({visible(place)}).")


def _base(setup: Setup, name: str) -> str:
    host, port = setup.settings.listen_host, setup.settings.listen_port
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return f"{base}/v1" if name.startswith("OPENAI_") and name != "OPENAI_HOST" else base


def _place(url: str) -> str | None:
    """Host and port alone: a URL may hold a password."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{host}:{parts.port}" if parts.port else host
    except ValueError:
        return None
