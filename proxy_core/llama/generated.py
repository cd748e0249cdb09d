"""What the model generated, put together from an answer: its words, its reasoning, its tool calls.

Shapes: llama.cpp b10587. Chat completions, streamed (`choices[0].delta`) or whole (`choices[0].message`);
responses, whose last event (`response.completed`) repeats all of the output; Anthropic messages, streamed
(`content_block_start`, `content_block_delta`) or whole (`content`). In the last, calls have no spelling of
their own, since arguments are sent as objects.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

_MOST = 4 * 1024 * 1024
"""Characters of one answer that are kept; a longer one is not remembered."""


@dataclass
class GeneratedCall:
    """A tool call in the model's own spelling."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass
class Generated:
    """One answer of the model."""

    text: str = ""
    reasoning: str = ""
    calls: dict[int, GeneratedCall] = field(default_factory=dict)
    """By their index in the answer."""
    thought: bool = False
    """Whether there was any reasoning, also where the API does not tell its words as they were generated."""


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Said(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    id: str = ""
    name: str = ""


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Said | None = None
    message: _Said | None = None


class _Item(msgspec.Struct):
    type: str = ""
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    content: list[_Block] | None = None


class _Response(msgspec.Struct):
    output: list[_Item] | None = None


class _Payload(msgspec.Struct):
    choices: list[_Choice] | None = None
    response: _Response | None = None
    output: list[_Item] | None = None
    index: int = 0
    content: list[_Block] | str | None = None
    content_block: _Block | None = None
    delta: _Block | str | None = None


_DECODER = msgspec.json.Decoder(_Payload)


class GeneratedReader:
    """Takes the JSON of an answer, or of each event of a stream."""

    def __init__(self) -> None:
        self.generated = Generated()
        self._length = 0

    def read(self, data: bytes) -> None:
        """Take the next payload; what is none is passed over."""
        try:
            payload = _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        for choice in payload.choices or ():
            if choice.index == 0:
                self._said(choice.delta or choice.message or _Said())
        whole = payload.response.output if payload.response else payload.output
        for number, item in enumerate(whole or ()):
            if item.type == "reasoning":
                self.generated.thought = True
            elif item.type == "function_call":
                self.generated.calls[number] = GeneratedCall(item.call_id, item.name, item.arguments)
            elif item.type == "message":
                self._add("".join(block.text for block in item.content or ()))
        if isinstance(payload.content, list):
            for number, block in enumerate(payload.content):
                self._block(number, block)
        if payload.content_block is not None:
            self._block(payload.index, payload.content_block)
        if isinstance(payload.delta, _Block) and payload.delta.type == "text_delta":
            self._add(payload.delta.text)

    @property
    def complete(self) -> bool:
        """Whether all of the answer is here; one that was too long is not."""
        return self._length <= _MOST

    def _block(self, number: int, block: _Block) -> None:
        if block.type == "text":
            self._add(block.text)
        elif block.type in ("thinking", "redacted_thinking"):
            self.generated.thought = True
        elif block.type == "tool_use":
            self.generated.calls[number] = GeneratedCall(block.id, block.name)

    def _add(self, text: str) -> None:
        self._length += len(text)
        if self.complete:
            self.generated.text += text

    def _said(self, said: _Said) -> None:
        text, reasoning = said.content or "", said.reasoning_content or ""
        self._length += len(text) + len(reasoning)
        calls = list(enumerate(said.tool_calls or ()))
        self._length += sum(len(c.function.arguments or "") for _, c in calls if c.function)
        if not self.complete:
            return
        self.generated.text += text
        self.generated.reasoning += reasoning
        self.generated.thought = self.generated.thought or bool(reasoning)
        for number, call in calls:
            # A whole answer gives no indexes, a stream gives one with each piece.
            known = self.generated.calls.setdefault(call.index or number, GeneratedCall())
            known.id = call.id or known.id
            if call.function is not None:
                known.name = call.function.name or known.name
                known.arguments += call.function.arguments or ""
