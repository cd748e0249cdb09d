"""Can clients reach kvconsole, and does it forward to where it should?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from proxy_core.checkup.findings import Finding
from proxy_core.checkup.process import Process
from proxy_core.checkup.setup import Setup
from proxy_core.checkup.who import same_place
from proxy_core.serving import is_self
from proxy_core.visible import visible

_LM_STUDIO = 1234
"""Its server's default port is kvconsole's as well."""


def check_listen(setup: Setup) -> Iterator[Finding]:
    """Who listens where clients connect."""
    listen, port = setup.settings.listen, setup.settings.listen_port
    if is_self(setup.upstream, setup.settings.listen_host, port):
        return  # Told by the check of the upstream.
    if port == 0:
        saw = "--listen takes any free port, so nobody can tell which kvconsole to look at."
        yield Finding("proxy", "listen", "unknown", saw, "Name the port that it took with --listen.")
        return
    kind, by = setup.at_listen.kind, _by(setup.at_listen.process)
    other = f"--listen {setup.settings.listen_host}:{port + 1 if port < 65535 else 0}"
    if kind == "kvconsole":
        yield Finding("proxy", "listen", "ok", f"kvconsole listens on {listen}.")
    elif kind == "nobody":
        saw = f"Nobody listens on {listen}: clients that are pointed there get no answer."
        yield Finding("proxy", "listen", "hint", saw, "Start kvconsole.")
    elif kind == "llama-server":
        saw = (
            f"llama-server itself{by} listens on {listen}, where kvconsole should: clients go past kvconsole."
        )
        do = f"Give llama-server another --port and name it with --upstream, or start kvconsole with {other}."
        yield Finding("proxy", "listen", "problem", saw, do)
    else:
        others = {"ollama": "Ollama", "silent": "Somebody who gives no answer"}
        who = others.get(kind, "Another program")
        saw = f"{who}{by} listens on {listen}, so that kvconsole cannot."
        if port == _LM_STUDIO and kind == "other":
            saw += " 1234 is LM Studio's port too."
        do = f"Stop it, or start kvconsole with {other} and point the clients there."
        yield Finding("proxy", "listen", "problem", saw, do)


def check_version(setup: Setup) -> Iterator[Finding]:
    """Whether the kvconsole that runs is the one that is installed."""
    if setup.proxy is None or setup.proxy.version is None:
        return
    running = visible(setup.proxy.version)
    if running != setup.version:
        saw = f"kvconsole {running} runs, and {setup.version} is installed."
        yield Finding("proxy", "version", "hint", saw, "Restart it, so that the newer one counts.")
    else:
        yield Finding("proxy", "version", "ok", f"kvconsole {running} runs.")


def check_forwards(setup: Setup) -> Iterator[Finding]:
    """Whether it forwards to the upstream of the settings."""
    proxy = setup.proxy
    if proxy is None or proxy.upstream is None:
        return
    if same_place(proxy.upstream, setup.upstream) and _path(proxy.upstream) == _path(setup.upstream):
        yield Finding("proxy", "forwards", "ok", f"It forwards to {visible(proxy.upstream)}.")
        return
    saw = (
        f"The kvconsole that runs forwards to {visible(proxy.upstream)}, and the settings name "
        f"{setup.upstream}."
    )
    do = f"Restart it, or look at what it uses: kvconsole doctor --upstream {visible(proxy.upstream)}."
    yield Finding("proxy", "forwards", "hint", saw, do)


def check_exposed(setup: Setup) -> Iterator[Finding]:
    """Whether other machines can reach it."""
    host = setup.settings.listen_host
    if host == "localhost" or _is_loopback(host):
        return
    saw = (
        f"--listen {setup.settings.listen} lets other machines send requests through kvconsole, "
        "without any key of its own."
    )
    do = "If only this machine needs it: --listen 127.0.0.1:PORT. The control API answers this machine alone."
    yield Finding("proxy", "exposed", "hint", saw, do)


def _path(url: str) -> str:
    return urlsplit(url).path.rstrip("/")


def _by(process: Process | None) -> str:
    return f" ({visible(process.name)}, process {process.pid})" if process is not None else ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
