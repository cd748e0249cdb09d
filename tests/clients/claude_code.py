"""Claude Code, on Anthropic's API: attribution header, git status, reminders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.clients.case import Case, Sent
from tests.clients.plain import instructions
from tests.clients.story import Ask, Person, asks
from tests.clients.wire import (
    MAX_TOKENS,
    Json,
    anthropic,
    anthropic_messages,
    anthropic_tools,
    chat,
    chat_messages,
    chat_tools,
    openai_js,
    sent,
)

_TOOLS: Mapping[str, str] = {
    "process": "Task",
    "exec": "Bash",
    "memory_search": "Grep",
    "read": "Read",
    "edit": "Edit",
    "write": "Write",
    "web_fetch": "WebFetch",
}
_IDENTITY = "You are Claude Code, Anthropic's official CLI for Claude."
_MCP = ("github", "grafana", "home-assistant", "postgres")


def billing(ask: Ask, version: str = "2.1.37.0d9", entry: str = "cli") -> str:
    """The header of releases up to about 2.1.219: `cch` changes with each request."""
    digest = hashlib.sha256(f"{ask.turn}.{ask.step}".encode()).hexdigest()[:5]
    return f"x-anthropic-billing-header: cc_version={version}; cc_entrypoint={entry}; cch={digest};"


def newer_billing(_ask: Ask, suffix: str = "473") -> str:
    """The header from 2.1.220 on: the last part of the version belongs to one conversation."""
    return f"x-anthropic-billing-header: cc_version=2.1.220.{suffix}; cc_entrypoint=cli;"


def request(
    ask: Ask,
    short: bool,
    header: str,
    *,
    version: str,
    messages: Sequence[Json] | None = None,
    last: str = "",
    lane: str = "main",
) -> Sent:
    """One request: blocks of system text, cache markers on the last of them and on the newest message."""
    marker: Json = {"cache_control": {"type": "ephemeral"}}
    texts = [header, _IDENTITY, instructions(short), *([last] if last else [])]
    system: list[Json] = [{"type": "text", "text": text} for text in texts]
    system[-1] = {**system[-1], **marker}
    said = list(messages if messages is not None else anthropic_messages(ask.said, _parts))
    said[-1] = _marked(said[-1], marker)
    body: Json = {
        "model": "claude-sonnet-4-6",
        "messages": said,
        "system": system,
        "tools": anthropic_tools(_TOOLS),
        "metadata": {"user_id": f"user_0f3c_account__session_{ask.session}"},
        "max_tokens": MAX_TOKENS,
        "stream": True,
    }
    return sent(
        ask, "/v1/messages?beta=true", anthropic(f"claude-cli/{version} (external, cli)"), body, lane=lane
    )


def old(short: bool) -> Iterator[Sent]:
    """A header that changes with each request."""
    for ask in asks(short, names=_TOOLS):
        yield request(ask, short, billing(ask), version="2.1.37")


def new(short: bool) -> Iterator[Sent]:
    """A header that stays, and sub-agents beside it, each with another."""
    for ask in asks(short, names=_TOOLS):
        if ask.step == 0 and ask.turn > 1:
            yield sub_agent(ask)
        yield request(ask, short, newer_billing(ask), version="2.1.220")


def sub_agent(ask: Ask) -> Sent:
    """A search that the main conversation has started."""
    texts = [
        newer_billing(ask, f"9{ask.turn}1"),
        "You are an agent for Claude Code, Anthropic's official CLI for Claude.",
        "Search thoroughly, change nothing, and report what you found with absolute paths.",
    ]
    body: Json = {
        "model": "claude-haiku-4-5",
        "messages": [{"role": "user", "content": f"Find where step {ask.turn} is handled."}],
        "system": [{"type": "text", "text": text} for text in texts],
        "tools": anthropic_tools({"exec": "Bash", "read": "Read"}),
        "metadata": {"user_id": f"user_0f3c_account__session_{ask.session}"},
        "max_tokens": MAX_TOKENS,
        "stream": True,
    }
    headers = anthropic("claude-cli/2.1.220 (external, cli)")
    return sent(ask, "/v1/messages?beta=true", headers, body, lane=f"agent-{ask.turn}")


def run_on(short: bool) -> Iterator[Sent]:
    """Behind a gateway that makes chat completions of it and joins the blocks without a line break."""
    for ask in asks(short, names=_TOOLS):
        system = f"{billing(ask)}{_IDENTITY}\n\n{instructions(short)}"
        path, body = chat(
            [{"role": "system", "content": system}, *chat_messages(ask.said)], chat_tools(_TOOLS)
        )
        yield sent(ask, path, openai_js(), body)


def git(short: bool) -> Iterator[Sent]:
    """A status of the repository at the end of the system text, new after each edit."""
    for ask in asks(short, names=_TOOLS):
        yield request(ask, short, newer_billing(ask), version="2.1.220", last=git_status(ask.turn))


def reminders(short: bool) -> Iterator[Sent]:
    """A list of deferred tools in the first message that grows, and a nudge in the newest message only."""
    for ask in asks(short, names=_TOOLS):
        yield request(
            ask, short, newer_billing(ask), version="2.1.220",
            messages=anthropic_messages(ask.said, _reminded(ask)),
        )  # fmt: skip


def git_status(turn: int) -> str:
    """The status after the edits of some turns; nothing is changed in the first."""
    changed = [f" M src/tidepool/{name}.py" for name in ("tariff", "forecast", "recorder")][: turn - 1]
    return "\n".join(
        [
            "gitStatus: This is the git status at the start of the conversation.",
            "Current branch: fix/tariff-hours",
            "",
            "Main branch (you will usually use this for PRs): main",
            "",
            "Status:",
            *(changed or ["(clean)"]),
            "",
            "Recent commits:",
            "4b1f0c2 Key rows by their own hour",
            "90aa1de Chart: no gap for a late row",
        ]
    )


def reminder(text: str) -> Json:
    """A text part that is Claude Code's and not the person's."""
    return {"type": "text", "text": f"<system-reminder>\n{text}\n</system-reminder>"}


def _reminded(ask: Ask) -> Callable[[Person], object]:
    first = next(said for said in ask.said if isinstance(said, Person))
    connected = _MCP[: min(ask.turn, len(_MCP))]
    names = "\n".join(f"mcp__{server}__{verb}" for server in connected for verb in ("get", "list", "search"))

    def write(person: Person) -> object:
        content = _parts(person)
        if person is first:
            content.insert(0, reminder(f"The following deferred tools are available:\n{names}"))
        if person is ask.person:
            used = 20_000 + 900 * ask.turn
            content.append(reminder(f"Token usage: {used}/200000; {200_000 - used} remaining"))
        return content

    return write


def _parts(person: Person) -> list[Json]:
    return [{"type": "text", "text": person.text}]


def _marked(message: Json, marker: Json) -> Json:
    content = message["content"]
    blocks: list[Json] = [{"type": "text", "text": content}]
    if not isinstance(content, str):
        assert isinstance(content, list)
        blocks = list(content)
    return {**message, "content": [*blocks[:-1], {**blocks[-1], **marker}]}


def _case(name: str, about: str, requests: Callable[[bool], Iterator[Sent]]) -> Case:
    return Case(f"claude-code-{name}", "claude-code", about, requests)


CASES = (
    _case("old", "cch in the first system block", old),
    _case("new", "version suffix between conversations", new),
    _case("run-on", "cch at the start of one system string", run_on),
    _case("git", "git status at the end of the system text", git),
    _case("reminders", "reminders that grow, move and vanish", reminders),
)
