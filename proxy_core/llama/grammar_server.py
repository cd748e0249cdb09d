"""Log lines about the life of the server process."""

from __future__ import annotations

import re
from collections.abc import Callable

from proxy_core.llama import events as ev
from proxy_core.llama.figures import at, find_count
from proxy_core.llama.lines import Frame

_SLOTS = re.compile(r"\bn_slots ?= ?(\d{1,9})", re.ASCII)
_CTX = re.compile(r"\bn_ctx(?:_slot)? ?= ?(\d{1,15})", re.ASCII)
_VERBOSITY = re.compile(r"\bverbosity = (-?\d{1,12})", re.ASCII)
_MODEL = re.compile(r"loading model '([^']*)'")
_BUILD = re.compile(r"build(?::|_info:| info \|.*?\bbuild=) *(\S+)", re.ASCII)
_CHECKPOINTS = re.compile(r"context checkpoints enabled, max = (\d{1,9})", re.ASCII)
_UNSUPPORTED = re.compile(
    r"(cache_reuse|cache reuse|swa_full|ctx_shift|context shift)\b.*\bnot supported", re.ASCII
)
_UNIFIED = re.compile(r"\bkv_unified = '?(true|false)", re.ASCII)
_ADDRESS = re.compile(r"listening on (\S+)")


_OPTIONS = {
    "cache_reuse": "--cache-reuse",
    "cache reuse": "--cache-reuse",
    "swa_full": "--swa-full",
    "ctx_shift": "--context-shift",
    "context shift": "--context-shift",
}


def _initializing(f: Frame, text: str) -> ev.LogEvent | None:
    slots = find_count(_SLOTS, text)
    if slots is not None:
        unified = _UNIFIED.search(text)
        return ev.ServerState(
            *at(f),
            what="slots",
            n_slots=slots,
            n_ctx_slot=find_count(_CTX, text),
            kv_unified=None if unified is None else unified[1] == "true",
        )
    return ev.ServerState(*at(f), what="starting") if text.startswith("initializing ...") else None


def _new(f: Frame, text: str) -> ev.LogEvent | None:
    if not text.startswith("new slot"):
        return None
    return ev.ServerState(*at(f), what="slot", n_ctx_slot=find_count(_CTX, text))


def _loading(f: Frame, text: str) -> ev.LogEvent | None:
    if not text.startswith("loading model"):
        return None
    found = _MODEL.match(text)
    return ev.ServerState(*at(f), what="loading", text="" if found is None else found[1])


def _model(f: Frame, text: str) -> ev.LogEvent | None:
    return ev.ServerState(*at(f), what="loaded") if text.startswith("model loaded") else None


def _sleep(f: Frame, text: str) -> ev.LogEvent | None:
    """What a queue and the server behind it say, the latter with `server is` in front."""
    step = text.removeprefix("server is ")
    if step.startswith("entering sleeping state"):
        return ev.ServerState(*at(f), what="sleeping")
    return ev.ServerState(*at(f), what="waking") if step.startswith("exiting sleeping state") else None


def _server(f: Frame, text: str) -> ev.LogEvent | None:
    return _sleep(f, text) or _listening(f, text)


def _listening(f: Frame, text: str) -> ev.LogEvent | None:
    if text.startswith(("HTTP server listening", "HTTP server is listening")):
        return ev.ServerState(*at(f), what="listening")
    found = _ADDRESS.search(text)
    return None if found is None else ev.ServerState(*at(f), what="listening", text=found[1])


def _build(f: Frame, text: str) -> ev.LogEvent | None:
    found = _BUILD.match(text)
    return None if found is None else ev.ServerState(*at(f), what="build", text=found[1])


def _context(f: Frame, text: str) -> ev.LogEvent | None:
    most = find_count(_CHECKPOINTS, text)
    if most is not None:
        return ev.ServerState(*at(f), what="checkpoints", n_checkpoints=most)
    return _unsupported(f, text)


def _unsupported(f: Frame, text: str) -> ev.LogEvent | None:
    found = _UNSUPPORTED.match(text)
    if found is None:
        return None
    return ev.ServerState(*at(f), what="unsupported", text=_OPTIONS.get(found[1], found[1]))


def _verbosity(f: Frame, text: str) -> ev.LogEvent | None:
    level = find_count(_VERBOSITY, text)
    return None if level is None else ev.ServerState(*at(f), what="verbosity", verbosity=level)


def _stopping(f: Frame, text: str) -> ev.LogEvent | None:
    return ev.ServerState(*at(f), what="stopping") if "cleaning up before exit" in text else None


def _all_idle(f: Frame, text: str) -> ev.LogEvent | None:
    return ev.AllIdle(*at(f)) if text.startswith("all slots are idle") else None


SERVER_READERS: dict[str, Callable[[Frame, str], ev.LogEvent | None]] = {
    "initializing": _initializing,
    "initializing,": _initializing,
    "new": _new,
    "loading": _loading,
    "model": _model,
    "listening": _listening,
    "server": _server,
    "entering": _sleep,
    "exiting": _sleep,
    "build": _build,
    "build:": _build,
    "build_info:": _build,
    "context": _context,
    "cache_reuse": _unsupported,
    "swa_full": _unsupported,
    "ctx_shift": _unsupported,
    "HTTP": _listening,
    "common_params_print_info:": _verbosity,
    "verbosity": _verbosity,
    "cleaning": _stopping,
    "operator():": _stopping,
    "all": _all_idle,
}
"""Readers by the first word of the message."""
