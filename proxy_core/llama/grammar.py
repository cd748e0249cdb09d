"""llama-server's log lines to events, for every build from 2023 to b11549.

A message is looked up by its first word, so that a line which says nothing here costs one dictionary miss.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType

from proxy_core.llama import events as ev
from proxy_core.llama.figures import at, find_count, find_number, number
from proxy_core.llama.grammar_cache import CACHE_READERS
from proxy_core.llama.grammar_server import SERVER_READERS
from proxy_core.llama.lines import Frame, frame

Reader = Callable[[Frame, str], ev.LogEvent | None]

_SELECTED = re.compile(
    r"selected slot by LCP similarity, (?:f_)?sim_best = (\S+) \(> (\S+) thold\), f_keep = (\S+)", re.ASCII
)
_SIMILARITY = re.compile(r"\bsimilarity *= *([^\s,)]+)", re.ASCII)
_THRESHOLD = re.compile(r"\(> ([^\s)]+) thold\)", re.ASCII)
_UNUSED = re.compile(r"\bt_last ?= ?-1\b", re.ASCII)
_LENGTH = re.compile(r"lc[ps]_len = (\d{1,15})", re.ASCII)
_CHECKING = re.compile(r"checking sim = (\S+) \((\d{1,15})/(\d{1,15})\)(?: > (\S+))?", re.ASCII)
_PROMPT = re.compile(
    r"n_ctx_slot = (\d{1,15}), n_keep = -?\d+, (?:n_prompt_tokens|task\.n_tokens) = (\d{1,15})", re.ASCII
)
_KEPT = re.compile(
    r"(?:cached )?n_(?:tokens|past) = (\d{1,15}), memory_seq_rm"
    r"|n_past was set to (\d{1,15})"
    r"|kv cache rm (?:- )?\[(\d{1,15}), end\)"
    r"|kv cache rm \[p0, end\) .*\bp0=(\d{1,15})"
    r"|in cache: (\d{1,15}) tokens",
    re.ASCII,
)
_PARTIAL = re.compile(
    r"n_past = (\d{1,15}), \S+\.size\(\) = (\d{1,15}), seq_id = -?\d+, pos_min = (-?\d{1,15})", re.ASCII
)
_CACHED_PART = re.compile(r"=+ Cache: cache_size = (\d{1,15}), n_past0? = +(\d{1,15})", re.ASCII)
_PROGRESS = re.compile(
    r"prompt (?:processing|processing progress|done|processing done), n_(?:tokens|past) = *(\d{1,15})",
    re.ASCII,
)
_SHARE = re.compile(r"\bprogress = *([^\s,]+)", re.ASCII)
_SECONDS = re.compile(r", t = *(\S+) s", re.ASCII)
_TIME = re.compile(r"(?:\w+ ){1,2}time *= *(\S+) ms(?: / *(\d{1,15}))?", re.ASCII)
_STOP = re.compile(r"stop processing: n_(tokens|past) = (\d{1,15}), truncated = ([01])", re.ASCII)
_KEPT_AT_END = re.compile(r"\bn_past=(\d{1,15})", re.ASCII)
_RELEASED = re.compile(r"released \((\d{1,15}) tokens in cache\)", re.ASCII)
_CANCEL = re.compile(r"cancel task, id_task = (\d{1,15})", re.ASCII)
_FAILED = re.compile(r"task id = (\d{1,15}), error: (.*)", re.ASCII)
_KEEP = re.compile(r"\bn_keep *= *(-?\d{1,15})", re.ASCII)
_DISCARD = re.compile(r"\bn_discard *= *(-?\d{1,15})", re.ASCII)


def parse(line: str) -> ev.LogEvent | None:
    """What one physical line says; `None` when it says nothing that kvconsole uses. Never raises."""
    found = frame(line)
    if found is None:
        return None
    text = found.message.lstrip(" -")
    if not text:
        opens_block = found.slot is not None and found.task is not None and found.task >= 0
        return ev.TimingHeader(*at(found)) if opens_block else None
    end = text.find(" ")
    reader = _READERS.get(text if end < 0 else text[:end])
    return None if reader is None else reader(found, text)


def _selected(f: Frame, text: str) -> ev.LogEvent | None:
    found = _SELECTED.match(text)
    if found is not None:
        sim_best, threshold, f_keep = found.groups()
        return ev.SlotSelected(
            *at(f), how="lcp", sim_best=number(sim_best), f_keep=number(f_keep), threshold=number(threshold)
        )
    how = text[len("selected slot by ") :].lower()
    if how.startswith("lru"):
        return ev.SlotSelected(*at(f), how="lru", unused=_UNUSED.search(how) is not None)
    if how.startswith("id ("):
        return ev.SlotSelected(*at(f), how="id")
    if not how.startswith(("lcp similarity", "lcs similarity")):
        return None
    # Older lines also name a length; only from b6455 on, known by the threshold, is it a prefix in tokens.
    threshold = _THRESHOLD.search(text)
    return ev.SlotSelected(
        *at(f),
        how="lcp",
        similarity=find_number(_SIMILARITY, text),
        lcp_n=None if threshold is None else find_count(_LENGTH, text),
        threshold=None if threshold is None else number(threshold[1]),
    )


def _checking(f: Frame, text: str) -> ev.LogEvent | None:
    found = _CHECKING.match(text)
    if found is None:
        return None
    sim, lcp_n, prompt_n, threshold = found.groups()
    return ev.SlotCandidate(*at(f), number(sim), int(lcp_n), int(prompt_n), number(threshold))


def _started(f: Frame, text: str) -> ev.LogEvent | None:
    if f.slot is None or not text.startswith("processing task"):
        return None
    return ev.TaskStarted(*at(f), is_child=text.endswith("is_child = 1"))


def _slot(f: Frame, text: str) -> ev.LogEvent | None:
    """Messages of the structured era, and the context shift of every era."""
    if text.startswith("slot is processing task"):
        return ev.TaskStarted(*at(f))
    if text.startswith("slot released"):
        truncated = "truncated=true" in text if "truncated=" in text else None
        return ev.Released(*at(f), n_tokens=find_count(_KEPT_AT_END, text), truncated=truncated)
    if text.startswith("slot context shift"):
        kept = find_count(_KEEP, text)
        return None if kept is None else ev.ContextShift(*at(f), kept, find_count(_DISCARD, text))
    return None


def _is_processing(f: Frame, text: str) -> ev.LogEvent | None:
    return ev.TaskStarted(*at(f)) if text.startswith("is processing [task id:") else None


def _new(f: Frame, text: str) -> ev.LogEvent | None:
    if text.startswith("new prompt"):
        return _prompt_facts(f, text)
    return SERVER_READERS["new"](f, text)


def _prompt_facts(f: Frame, text: str) -> ev.LogEvent | None:
    found = _PROMPT.search(text)
    return None if found is None else ev.PromptFacts(*at(f), int(found[1]), int(found[2]))


def _kept(f: Frame, text: str) -> ev.LogEvent | None:
    found = _KEPT.match(text)
    if found is not None:
        return ev.CachedPrefix(*at(f), int(found[found.lastindex or 1]))
    found = _PARTIAL.match(text)
    return None if found is None else ev.PartialCache(*at(f), *map(int, found.groups()))


def _cached_part(f: Frame, text: str) -> ev.LogEvent | None:
    found = _CACHED_PART.match(text)
    return None if found is None else ev.CachedPart(*at(f), lcp_n=int(found[2]), slot_n=int(found[1]))


def _prompt(f: Frame, text: str) -> ev.LogEvent | None:
    if text.startswith("prompt eval time"):
        found = _TIME.match(text)
        if found is None or found[2] is None:
            return None
        return ev.PromptTiming(*at(f), number(found[1]), int(found[2]))
    if text.startswith("prompt tokenized"):
        return _prompt_facts(f, text)
    found = _PROGRESS.match(text)
    if found is None:
        return CACHE_READERS["prompt"](f, text)
    share = 1.0 if " done," in text else find_number(_SHARE, text)
    return ev.PromptProgress(*at(f), int(found[1]), share, find_number(_SECONDS, text))


def _eval(f: Frame, text: str) -> ev.LogEvent | None:
    found = _TIME.match(text)
    if found is None or found[2] is None:
        return None
    return ev.EvalTiming(*at(f), number(found[1]), int(found[2]))


def _total(f: Frame, text: str) -> ev.LogEvent | None:
    found = _TIME.match(text)
    if found is None:
        return None
    return ev.TotalTiming(*at(f), number(found[1]), None if found[2] is None else int(found[2]))


def _stop(f: Frame, text: str) -> ev.LogEvent | None:
    found = _STOP.match(text)
    if found is None:
        return None
    return ev.Released(*at(f), int(found[2]), found[3] == "1", timing_follows=found[1] == "past")


def _released(f: Frame, text: str) -> ev.LogEvent | None:
    found = _RELEASED.match(text)
    return None if found is None else ev.Released(*at(f), int(found[1]))


def _cancel(f: Frame, text: str) -> ev.LogEvent | None:
    found = _CANCEL.match(text)
    return None if found is None else ev.Cancelled(f.port, f.slot, int(found[1]), f.stamp)


def _task(f: Frame, text: str) -> ev.LogEvent | None:
    found = _FAILED.match(text)
    return None if found is None else ev.TaskFailed(f.port, f.slot, int(found[1]), f.stamp, found[2])


def _forcing(f: Frame, text: str) -> ev.LogEvent | None:
    return ev.ForcedFull(*at(f)) if text.startswith("forcing full prompt re-processing") else None


def _cache(f: Frame, text: str) -> ev.LogEvent | None:
    return CACHE_READERS["cache"](f, text) or SERVER_READERS["cache_reuse"](f, text)


def _failed(f: Frame, text: str) -> ev.LogEvent | None:
    # The memory could not be cut back, so the server empties it and starts over: the same loss.
    if text.startswith("failed to truncate tokens"):
        return ev.ForcedFull(*at(f))
    return CACHE_READERS["failed"](f, text)


_READERS: MappingProxyType[str, Reader] = MappingProxyType(
    SERVER_READERS
    | CACHE_READERS
    | {
        "selected": _selected,
        "checking": _checking,
        "processing": _started,
        "slot": _slot,
        "is": _is_processing,
        "new": _new,
        "cached": _kept,
        "n_tokens": _kept,
        "n_past": _kept,
        "kv": _kept,
        "in": _kept,
        "========": _cached_part,
        "prompt": _prompt,
        "eval": _eval,
        "generation": _eval,
        "total": _total,
        "stop": _stop,
        "released": _released,
        "cancel": _cancel,
        "task": _task,
        "forcing": _forcing,
        "failed": _failed,
        "cache": _cache,
    }
)
