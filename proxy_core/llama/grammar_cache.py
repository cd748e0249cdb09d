"""Log lines about context checkpoints and about the prompt cache in host memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, TypeAlias

from proxy_core.llama import events as ev
from proxy_core.llama.figures import at, find_count, find_number, number
from proxy_core.llama.lines import Frame

_CheckpointStep: TypeAlias = Literal["created", "restored", "erased", "invalidated", "failed"]

_CHECKPOINT = re.compile(
    r"(SWA checkpoint (?:create|restore|erase)"
    r"|(?:saved|created|restored|erased invalidated|erasing old|erasing|failed to restore)"
    r" context checkpoint)\b",
    re.ASCII,
)
_CHECKPOINT_STEPS: dict[str, _CheckpointStep] = {
    "SWA checkpoint create": "created",
    "SWA checkpoint restore": "restored",
    "SWA checkpoint erase": "erased",
    "saved context checkpoint": "created",
    "created context checkpoint": "created",
    "restored context checkpoint": "restored",
    "erased invalidated context checkpoint": "invalidated",
    "erasing old context checkpoint": "erased",
    "erasing context checkpoint": "erased",
    "failed to restore context checkpoint": "failed",
}
_POS_MIN = re.compile(r"\bpos_min = (-?\d{1,15})", re.ASCII)
_POS_MAX = re.compile(r"\bpos_max = (-?\d{1,15})", re.ASCII)
_SIZE = re.compile(r"\bsize =? ?([\d.]{1,20}) MiB", re.ASCII)
_LENGTH = re.compile(r"\bwith length (\d{1,15})", re.ASCII)
_F_KEEP = re.compile(r"\bf_keep = ([^\s,]+)", re.ASCII)
_SIM = re.compile(r"\b(?:f_)?sim = ([^\s,]+)", re.ASCII)
_STATE = re.compile(
    r"cache state: (\d{1,15}) prompts, ([\d.]{1,20}) MiB \(limits: ([\d.]{1,20}) MiB, (\d{1,20}) tokens",
    re.ASCII,
)
_CLEARED = re.compile(
    r"(?:purging slot (\d{1,9})|clearing (?:prompt|slot)) with (\d{1,15}) tokens"
    r"|clearing cache for lora change",
    re.ASCII,
)
_LIMIT = re.compile(r"prompt cache is enabled, size limit: (?:(\d{1,15}) MiB|no limit)", re.ASCII)
_SHRUNK = re.compile(r"cache size limit reduced to ([\d.]{1,20}) MiB", re.ASCII)


def _checkpoint(f: Frame, text: str) -> ev.LogEvent | None:
    found = _CHECKPOINT.match(text)
    if found is None:
        return None
    return ev.Checkpoint(
        *at(f),
        what=_CHECKPOINT_STEPS[found[1]],
        pos_min=find_count(_POS_MIN, text),
        pos=find_count(_POS_MAX, text),
        mib=find_number(_SIZE, text),
    )


def _prompt(f: Frame, text: str) -> ev.LogEvent | None:
    if text.startswith(("prompt is already in the cache", "prompt state size")):
        return ev.HostCache(*at(f), what="skipped", mib=find_number(_SIZE, text))
    if text.startswith("prompt cache is disabled"):
        return ev.HostCache(*at(f), what="limit", limit_mib=0.0)
    found = _LIMIT.match(text)
    return None if found is None else ev.HostCache(*at(f), what="limit", limit_mib=number(found[1]))


def _saving(f: Frame, text: str) -> ev.LogEvent | None:
    if not text.startswith("saving prompt with length"):
        return None
    return ev.HostCache(*at(f), what="saved", tokens=find_count(_LENGTH, text), mib=find_number(_SIZE, text))


def _removing(f: Frame, text: str) -> ev.LogEvent | None:
    if not text.startswith("removing obsolete cached prompt"):
        return None
    return ev.HostCache(*at(f), what="replaced", tokens=find_count(_LENGTH, text))


def _searched(f: Frame, text: str) -> ev.LogEvent | None:
    if not text.startswith("looking for better prompt"):
        return None
    return ev.HostCache(
        *at(f), what="searched", f_keep=find_number(_F_KEEP, text), sim=find_number(_SIM, text)
    )


def _found(f: Frame, text: str) -> ev.LogEvent | None:
    if not text.startswith("found better prompt"):
        return None
    return ev.HostCache(*at(f), what="found", f_keep=find_number(_F_KEEP, text), sim=find_number(_SIM, text))


def _cache(f: Frame, text: str) -> ev.LogEvent | None:
    found = _STATE.match(text)
    if found is not None:
        return ev.HostCache(
            *at(f),
            what="state",
            prompts=int(found[1]),
            mib=number(found[2]),
            # Here, and only here, a cache without a limit has the limit 0.
            limit_mib=number(found[3]) or None,
            limit_tokens=int(found[4]),
        )
    found = _SHRUNK.match(text)
    if found is not None:
        return ev.HostCache(*at(f), what="shrunk", limit_mib=number(found[1]))
    return _evicted(f, text)


def _evicted(f: Frame, text: str) -> ev.LogEvent | None:
    if "removing oldest entry" not in text:
        return None
    return ev.HostCache(*at(f), what="evicted", mib=find_number(_SIZE, text))


def _cleared(f: Frame, text: str) -> ev.LogEvent | None:
    found = _CLEARED.match(text)
    if found is None:
        return None
    # One of these lines is the server's and not the slot's, so that the slot stands in its text.
    slot = f.slot if found[1] is None else int(found[1])
    tokens = None if found[2] is None else int(found[2])
    return ev.HostCache(f.port, slot, f.task, f.stamp, what="cleared", tokens=tokens)


def _failed(f: Frame, text: str) -> ev.LogEvent | None:
    if text.startswith("failed to load prompt from cache"):
        return ev.HostCache(*at(f), what="failed")
    return _checkpoint(f, text)


CACHE_READERS: dict[str, Callable[[Frame, str], ev.LogEvent | None]] = {
    "SWA": _checkpoint,
    "saved": _checkpoint,
    "created": _checkpoint,
    "restored": _checkpoint,
    "erased": _checkpoint,
    "erasing": _checkpoint,
    "failed": _failed,
    "prompt": _prompt,
    "saving": _saving,
    "removing": _removing,
    "looking": _searched,
    "found": _found,
    "cache": _cache,
    "making": _evicted,
    "purging": _cleared,
    "clearing": _cleared,
}
"""Readers by the first word of the message."""
