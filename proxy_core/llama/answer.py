"""What llama-server's answer says about its own cost: `timings` and `usage`, in all three APIs.

Sources: llama.cpp b10587 and the builds before it. `timings` stands in chat completions since b4240 and in
the `response.completed` event of responses since b9909; Anthropic messages have only `usage`. The cached
count is in `timings.cache_n` (b6399), in `prompt_tokens_details` and `input_tokens_details` (b8439).
"""

from __future__ import annotations

import re

import msgspec

from proxy_core.llama.generated import GeneratedReader

_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_MOST = 8 * 1024 * 1024
"""Bytes of an unfinished event or a plain JSON answer that are kept; longer ones are not measured."""


class Answer(msgspec.Struct, frozen=True):
    """Figures from one answer; None is unknown."""

    prompt_tokens: int | None = None
    """Length of the whole prompt in tokens."""
    prompt_n: int | None = None
    """Prompt tokens that were evaluated, cached ones not counted."""
    cached_n: int | None = None
    """Prompt tokens taken from the cache."""
    prompt_ms: float | None = None
    """Prompt eval time in milliseconds."""
    gen_n: int | None = None
    """Generated tokens."""
    gen_ms: float | None = None
    """Generation time in milliseconds."""
    error: str | None = None
    """What went wrong, when the answer is an error or ends in one."""


class _Timings(msgspec.Struct):
    cache_n: int | None = None
    prompt_n: int | None = None
    prompt_ms: float | None = None
    predicted_n: int | None = None
    predicted_ms: float | None = None


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None
    cache_read_input_tokens: int | None = None


class _Inner(msgspec.Struct):
    usage: _Usage | None = None


class _Error(msgspec.Struct):
    message: str = ""


class _Payload(msgspec.Struct):
    type: str | None = None
    timings: _Timings | None = None
    usage: _Usage | None = None
    message: _Inner | str | None = None
    response: _Inner | None = None
    error: _Error | str | None = None


_PAYLOAD = msgspec.json.Decoder(_Payload)
_TELLING = (b'"timings"', b'"usage"', b'"error"')
_DONE = b"data: [DONE]"
_LAST = (b'"type":"response.completed"', b'"type":"message_stop"', b'"stop":true')
"""How the last event of a stream is known in responses, messages and completion; that of chat is `_DONE`.

Quotes in a model's words are escaped, so these never stand there; `_DONE` could, and must begin the event.
"""


class AnswerReader:
    """Reads an answer as it passes by, a chunk at a time, without holding it up."""

    def __init__(self, *, stream: bool, generated: GeneratedReader | None = None) -> None:
        """`generated` takes each payload as well, where somebody wants to know what the model said."""
        self.answer = Answer()
        self.ended = False
        """Whether the last event of a stream has passed."""
        self._stream = stream
        self._generated = generated
        self._rest = bytearray()
        self._lost = False

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes; says whether they brought new figures."""
        if self._lost:
            return False
        self._rest += chunk
        before = self.answer
        # An event ends with an empty line; one that is long comes in many chunks, and is looked at once.
        if self._stream and _EMPTY_LINE.search(self._rest, max(0, len(self._rest) - len(chunk) - 3)):
            self._events()
        if len(self._rest) > _MOST:
            self._lost = True
            self._rest.clear()
        return self.answer is not before

    def finish(self) -> None:
        """The answer has ended: read what is left."""
        rest = bytes(self._rest)
        if self._stream:
            self._event(rest)
        else:
            self._read(rest)
            if self._generated is not None:
                self._generated.read(rest)
        self._rest.clear()

    @property
    def mid_event(self) -> bool:
        """Whether the bytes so far end inside an event of a stream."""
        return self._lost or bool(self._rest.strip())

    def _events(self) -> None:
        *events, rest = bytes(self._rest).replace(b"\r\n", b"\n").split(b"\n\n")
        if events:
            for event in events:
                self._event(event)
            self._rest[:] = rest

    def _event(self, event: bytes) -> None:
        last = event.lstrip().startswith(_DONE) or any(word in event for word in _LAST)
        self.ended = self.ended or last
        tells = any(word in event for word in _TELLING)
        if tells or self._generated is not None:
            lines = [line[5:].strip() for line in event.splitlines() if line.startswith(b"data:")]
            data = b"\n".join(lines)
            if self._generated is not None:
                self._generated.read(data)
            if tells:
                self._read(data)

    def _read(self, data: bytes) -> None:
        try:
            payload = _PAYLOAD.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        inner = payload.message if isinstance(payload.message, _Inner) else payload.response
        usage = payload.usage or (inner.usage if inner else None)
        if usage is not None:
            self._usage(usage)
        if payload.timings is not None:
            self._timings(payload.timings)
        if payload.error is not None:
            message = payload.error if isinstance(payload.error, str) else payload.error.message
            self._set(error=message or "an error without a message")

    def _usage(self, usage: _Usage) -> None:
        details = usage.prompt_tokens_details or usage.input_tokens_details
        cached = details.cached_tokens if details else usage.cache_read_input_tokens
        whole = usage.prompt_tokens
        if whole is None and usage.input_tokens is not None:
            # Anthropic's input_tokens leaves the cached ones out, that of responses counts them.
            apart = usage.cache_read_input_tokens is not None and usage.input_tokens_details is None
            whole = usage.input_tokens + (usage.cache_read_input_tokens or 0 if apart else 0)
        evaluated = whole - cached if whole is not None and cached is not None else None
        generated = usage.completion_tokens if usage.completion_tokens is not None else usage.output_tokens
        self._set(prompt_tokens=whole, cached_n=cached, prompt_n=evaluated, gen_n=generated)

    def _timings(self, timings: _Timings) -> None:
        whole = None
        if timings.cache_n is not None and timings.prompt_n is not None:
            whole = timings.cache_n + timings.prompt_n
        self._set(
            prompt_tokens=whole,
            prompt_n=timings.prompt_n,
            cached_n=timings.cache_n,
            prompt_ms=timings.prompt_ms,
            gen_n=timings.predicted_n,
            gen_ms=timings.predicted_ms,
        )

    def _set(self, **figures: float | str | None) -> None:
        known = {name: figure for name, figure in figures.items() if figure is not None}
        if known:
            self.answer = msgspec.structs.replace(self.answer, **known)
