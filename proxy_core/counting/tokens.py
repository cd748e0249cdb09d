"""What two prompts share, counted by llama-server's own template and tokenizer."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from proxy_core.counting.asking import APPLY_TEMPLATE, TOKENIZE, asleep, rendered
from proxy_core.counting.chat_form import chat_form
from proxy_core.counting.token_list import TokenList, common_tokens, joined, read_tokens, seam
from proxy_core.diagnosis.excerpt import excerpt
from proxy_core.diff.marks import common_start
from proxy_core.errors import PromptError
from proxy_core.prompt import Prompt
from proxy_core.upstream import UpstreamClient, reason
from proxy_core.verdict import Excerpt

_MOST_BODY = 2 * 1024 * 1024
_MOST_TEXT = 4 * 1024 * 1024
"""Bytes of a request, and of the text that it is rendered to, that are still counted."""

_KEPT_BYTES = 32 * 1024 * 1024
"""Bytes that remembered lists may take: a dozen prompts of 100,000 tokens."""

_SECONDS = 30.0
"""That one comparison may take."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a slot that holds the previous prompt, and nothing behind it, gives to the current one."""

    tokens: int
    """Tokens that both begin with; one less than the current prompt has when that is all of it, since the
    server always evaluates one."""
    previous: int
    """Tokens of the whole previous prompt."""
    current: int
    text_offset: int
    """Bytes of rendered text that both begin with."""
    excerpt: Excerpt | None = None
    """The rendered text around the difference; None when one prompt is the other's beginning."""


class _UncountableError(Exception):
    """Its message is for a person."""


class TokenCounter:
    """Renders and tokenizes prompts, one comparison at a time, and remembers the newest."""

    def __init__(self, client: UpstreamClient) -> None:
        self._client = client
        self._known: OrderedDict[bytes, TokenList] = OrderedDict()
        self._bytes = 0
        self._lock = asyncio.Lock()
        self.build: int | None = None
        """Number of the server's build, where it is known: older ones see some requests otherwise."""
        self.problem: str | None = None
        """Why the last comparison gave nothing; None when it gave something."""

    def forget(self) -> None:
        """Drop what was remembered: the server has another model or template now."""
        self._known.clear()
        self._bytes = 0

    async def shared(self, previous: Prompt, current: Prompt) -> Shared | None:
        """Count what two prompts share; None when that cannot be known, and `problem` says why."""
        async with self._lock:
            self.problem = None
            try:
                async with asyncio.timeout(_SECONDS):
                    if await asleep(self._client, current.model, _SECONDS):
                        raise _UncountableError(
                            "llama-server has put its model to sleep; counting would wake it."
                        )
                    before = await self._tokens(previous)
                    now = await self._tokens(current)
                    return await asyncio.to_thread(_compared, before, now)
            except _UncountableError as why:
                self.problem = str(why)
            except TimeoutError:
                self.problem = f"llama-server took more than {_SECONDS:.0f} s to count two prompts."
            except httpx.HTTPError as error:
                self.problem = f"llama-server cannot be asked: {reason(error)}."
            return None

    async def _tokens(self, prompt: Prompt) -> TokenList:
        """The prompt's tokens, as the server would evaluate them.

        Raises:
            _UncountableError: With the reason.
        """
        if len(prompt.body) > _MOST_BODY:
            raise _UncountableError(f"Requests of more than {_MOST_BODY // 2**20} MB are not counted.")
        body = await asyncio.to_thread(chat_form, prompt, self.build)
        if body is None:
            raise _UncountableError("Images, files and what llama-server refuses cannot be counted.")
        key = hashlib.blake2b(body, digest_size=16).digest()
        found = self._known.get(key)
        if found is None:
            prompt_text = rendered(await self._ask(APPLY_TEMPLATE, body, "since build b4589"))
            if prompt_text is None:
                raise _UncountableError(
                    "The answer to /apply-template holds no prompt: is it a llama-server?"
                )
            text = prompt_text.encode()
            if len(text) > _MOST_TEXT:
                raise _UncountableError(f"Prompts of more than {_MOST_TEXT // 2**20} MB are not counted.")
            found = await self._continued(text, prompt.model) or await self._cut(text, prompt.model)
            self._remember(key, found)
        else:
            self._known.move_to_end(key)
        return found

    async def _continued(self, text: bytes, model: str | None) -> TokenList | None:
        """Tokenize only what a known prompt does not share; None when there is no such, or no clean seam."""
        known = list(self._known.values())
        if not known:
            return None
        nearest, shared = await asyncio.to_thread(_nearest, known, text)
        at = seam(nearest, text, shared)
        if at is None:
            return None
        tail = await self._cut(text[at.at :], model, starts=False)
        return await asyncio.to_thread(joined, nearest, at, tail, text)

    async def _cut(self, text: bytes, model: str | None, *, starts: bool = True) -> TokenList:
        asked: dict[str, Any] = {"content": text.decode(), "add_special": starts, "parse_special": True}
        asked |= {"with_pieces": True, **({"model": model} if model else {})}
        answer = await self._ask(TOKENIZE, msgspec.json.encode(asked), "")
        try:
            return await asyncio.to_thread(read_tokens, text, answer)
        except PromptError as error:
            raise _UncountableError(f"The answer to /tokenize cannot be read: {error}.") from error

    async def _ask(self, path: str, body: bytes, since: str) -> bytes:
        status, answer = await self._client.post(path, body, _SECONDS)
        if status == 200:
            return answer
        name = path.partition("?")[0]
        if status == 401:
            raise _UncountableError(
                "llama-server wants an API key, and kvconsole keeps none of its clients'."
            )
        if status in (404, 501):
            known = f"; it is there {since}" if since else ""
            raise _UncountableError(f"This server has no {name}{known}.")
        raise _UncountableError(f"{name} answered with {status}: {_message(answer)}")

    def _remember(self, key: bytes, tokens: TokenList) -> None:
        self._known[key] = tokens
        self._bytes += tokens.size
        while self._bytes > _KEPT_BYTES and len(self._known) > 1:
            _, dropped = self._known.popitem(last=False)
            self._bytes -= dropped.size


def _nearest(known: list[TokenList], text: bytes) -> tuple[TokenList, int]:
    """The list that shares most with a text, and how many bytes that is."""
    return max(((one, common_start(one.text, text)) for one in known), key=lambda pair: pair[1])


def _compared(before: TokenList, now: TokenList) -> Shared:
    at = common_start(before.text, now.text)
    while 0 < at < len(now.text) and now.text[at] & 0xC0 == 0x80:
        at -= 1
    parted = at < min(len(before.text), len(now.text))
    return Shared(
        max(0, min(common_tokens(before, now), len(now.ids) - 1)),
        len(before.ids),
        len(now.ids),
        at,
        excerpt(before.text, now.text, at) if parted else None,
    )


class _Detail(msgspec.Struct):
    message: str = ""


class _Error(msgspec.Struct):
    error: _Detail


def _message(answer: bytes) -> str:
    """What a server says in an error, in one line."""
    try:
        told = msgspec.json.decode(answer, type=_Error).error.message
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = ""
    return " ".join(told.split())[:200] or "no reason given"
