"""One physical line of llama-server's log, taken apart: wrapper, prefix, slot and message.

Formats: llama.cpp `common/log.cpp` and `tools/server` from 2023 to b11549. The function name inside a line is
skipped and never matched, because it is cut to 12 characters and changes between builds.
"""

from __future__ import annotations

import re

import msgspec

_ANSI = re.compile(r"\x1b\[[0-9;]*[mK]")

# A wrapper is what journald, docker or a tee puts before the line. Its length is bounded so that a log line
# quoted deep inside a request body is not taken for one that the server wrote. Runs of spaces are bounded so
# that no line, however odd, takes long to refuse.
_WRAP = r"(?P<wrap>(?:.{0,160}?[\s|:])??)"
_HEAD = r"(?:\[ {0,4}(\d{1,5})\] )?(?:(\d{1,7})\.(\d\d)\.(\d{3})\.(\d{3}) )?(?:([IWEDO]) )?"
_BODY = (
    r"(?:slot {1,16}[^|]{1,24}?: id {1,8}(\d{1,9}) \| task (-?\d{1,15}) \| ?(.*)"
    r"|(?:(srv|que|res|cmn) {1,16}[^|]{1,24}?|(main|llama_server)): (.*))"
)
_PLAIN = re.compile(_HEAD + _BODY, re.ASCII)
_WRAPPED = re.compile(r"(.{0,160}?[\s|:])" + _HEAD + _BODY, re.ASCII)
_TIMING = re.compile(
    _WRAP + r"(?:\[ {0,4}(\d{1,5})\] )? {0,32}((?:prompt eval|generation eval|eval|total) time *=.*)",
    re.ASCII,
)
_STRUCTURED = re.compile(
    _WRAP + r"(?P<level>INFO|WARN|VERB|DEBG|ERR) {1,4}\[[^\]]{1,64}\] (?P<message>.*)", re.ASCII
)
_OLDEST = re.compile(
    _WRAP + r"slot (\d{1,9}) (?:: )?(is processing|in cache|kv cache rm|released)(.*)", re.ASCII
)
_BARE = re.compile(
    _WRAP
    + _HEAD
    + r"( {0,3}- (?:cache s|looking for better |found better |saving prompt ).*"
    + r"|={8} Cache: .*|build(?:_info)?: .*)",
    re.ASCII,
)
"""Lines without a name in front: ik_llama.cpp's on its caches, and the build."""
_BARE_HINTS = (" better prompt", "- cache s", "======== C", "build: ", "build_info: ", "- saving prompt ")
_SLOT_KEY = re.compile(r"\b(?:id_slot|slot_id)=(-?\d{1,9})\b", re.ASCII)
_TASK_KEY = re.compile(r"(?:\b(?:id_task|task_id)=|\[task id: )(-?\d{1,15})\b", re.ASCII)
_JSON = msgspec.json.Decoder(dict[str, object])
_NOISE = frozenset({"tid", "timestamp", "function", "line"})
_LONGEST_WRAP = 160
_LONGEST_HEAD = 32
_FURTHEST = _LONGEST_WRAP + _LONGEST_HEAD + 16
_TAG = re.compile(r"slot |srv |que |res |cmn |main: |llama_server: ")


class Frame(msgspec.Struct, frozen=True, gc=False):
    """What stands around a message, and the message."""

    wrapper: str
    """What another program put before the line; empty when nobody did."""
    port: int | None
    """Port of the child server, in the log of a router."""
    stamp: float | None
    """Seconds since the server process started; the log has no wall clock."""
    level: str | None
    """One of I, W, E, D, O; `None` when the server ran without prefixes."""
    component: str | None
    """`slot`, `srv`, `que`, `res`, `cmn`, or `main` in older builds; `None` where no name stands."""
    slot: int | None
    task: int | None
    """Task id; -1 where the slot has no task."""
    message: str
    """The text; in structured lines ` | key=value …` follows it."""


def clean(text: str) -> str:
    """The line without terminal colours and carriage returns.

    A colour reset can open a line, since the server prints it after the newline of the line before.
    """
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if "\r" in text:
        text = text.replace("\r", "")
    return text


def frame(line: str) -> Frame | None:
    """Take one physical line apart; `None` when it has no form that the server gives its own lines.

    Lines of the library (`llama_model_loader: …`) and continuation lines are `None`, except for the lines of
    a timing block, which have no prefix of their own before b9230.
    """
    text = clean(line)
    found = _PLAIN.match(text)
    if found is not None:
        return _framed("", found.groups())
    if text.startswith("{"):
        return _json_frame(text)
    if "tid=" in text and " [" in text:
        found = _STRUCTURED.match(text)
        if found is not None:
            return _keyed(found["wrap"], found["level"], found["message"])
    return _wrapped(text) or _unframed(text)


def _wrapped(text: str) -> Frame | None:
    """A line behind a wrapper; what stands before the first name of a component is looked at, not more."""
    tag = _TAG.search(text, 0, _FURTHEST)
    if tag is None:
        return None
    found = _WRAPPED.match(text, max(0, tag.start() - _LONGEST_HEAD))
    if found is None or found.end(1) > _LONGEST_WRAP + 1:
        return None
    return _framed(text[: found.end(1)], found.groups()[1:])


def _framed(wrapper: str, groups: tuple[str | None, ...]) -> Frame:
    port, minutes, seconds, millis, micros, level, slot, task, text, component, main, message = groups
    stamp = None
    if minutes is not None and seconds is not None and millis is not None and micros is not None:
        stamp = int(minutes) * 60 + int(seconds + millis + micros) / 1_000_000
    number = None if port is None else int(port)
    if slot is not None and task is not None:
        return Frame(wrapper, number, stamp, level, "slot", int(slot), int(task), text or "")
    return Frame(wrapper, number, stamp, level, component or main, None, None, message or "")


def _unframed(text: str) -> Frame | None:
    """JSON behind a wrapper, the lines of a timing block, lines without a name, and those of 2023."""
    if '"level":' in text:
        return _json_frame(text)
    # `llama_print_timings` and `llama_perf_context_print` sum up a process, not a task.
    if " time " in text and "llama_p" not in text:
        found = _TIMING.match(text)
        if found is not None:
            wrapper, port, message = found.groups()
            return Frame(wrapper, None if port is None else int(port), None, None, None, None, None, message)
    for hint in _BARE_HINTS:
        if hint in text:
            found = _BARE.match(text)
            if found is not None:
                wrapper, *head, message = found.groups()
                return _framed(wrapper, (*head, None, None, None, None, None, message))
            break
    if "slot " in text:
        found = _OLDEST.match(text)
        if found is not None:
            wrapper, slot, verb, rest = found.groups()
            task = _TASK_KEY.search(rest)
            number = None if task is None else int(task[1])
            return Frame(wrapper, None, None, None, "slot", int(slot), number, verb + rest)
    return None


def _keyed(wrapper: str, level: str, message: str) -> Frame:
    keys = max(0, message.find(" | "))
    slot, task = _SLOT_KEY.search(message, keys), _TASK_KEY.search(message, keys)
    return Frame(
        wrapper,
        None,
        None,
        level[0] if level != "VERB" else "D",
        None if slot is None else "slot",
        None if slot is None else int(slot[1]),
        None if task is None else int(task[1]),
        message,
    )


def _json_frame(text: str) -> Frame | None:
    """A line of `--log-format json`, brought into the shape of the text format: ` | key=value …`."""
    start = text.find("{")
    try:
        fields = _JSON.decode(text[start:] if start else text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None
    # The builds of 2023 name the message `message`.
    message = fields.pop("msg", None) or fields.pop("message", None)
    level = fields.pop("level", None)
    if not isinstance(message, str) or not isinstance(level, str) or not level:
        return None
    slot = _whole(fields, "id_slot", "slot_id")
    told = [(key, value) for key, value in fields.items() if key not in _NOISE]
    pairs = " ".join([f"{key}={str(v).lower() if isinstance(v, bool) else v}" for key, v in told])
    return Frame(
        text[:start],
        None,
        None,
        level[0] if level != "VERB" else "D",
        None if slot is None else "slot",
        slot,
        _whole(fields, "id_task", "task_id"),
        f"{message} | {pairs}",
    )


def _whole(fields: dict[str, object], *names: str) -> int | None:
    """The first of some fields that is there, if it is an integer of a sensible size."""
    value = next((fields[name] for name in names if name in fields), None)
    return value if type(value) is int and abs(value) < 10**15 else None
