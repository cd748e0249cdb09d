"""Conversations through a running kvconsole, and what it says about each turn once everything is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from proxy_core.events import LogRead
from proxy_core.exchange import Record
from proxy_core.verdict import Diagnosis, Verdict
from tests.rules.talk import Message, assistant, output, system, user
from tests.running import BOUND, Running, running_engine

EXACT = 1
"""Tokens by which predicted and measured reuse may differ, once the server's tokenizer has counted."""

_SECTIONS = ("Tooling", "Safety", "Inbound Context", "Workspace", "Runtime")


def house(**sections: str) -> str:
    """A system prompt with five headed sections of some 1,000 characters; a section's text can be given, by
    its heading with underscores."""
    parts = ["You help in this house."]
    for heading in _SECTIONS:
        usual = "\n".join(f"{heading} rule {number}: keep order, ask before you act." for number in range(20))
        parts.append(f"## {heading}\n{sections.get(heading.replace(' ', '_'), usual)}")
    return "\n\n".join(parts)


def tool(name: str, about: str = "") -> Message:
    """A declared tool with a few hundred characters."""
    described = about or f"Runs {name} with care. " * 10
    path = {"type": "object", "properties": {"path": {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "description": described, "parameters": path}}


def words(number: int, about: str = "matter") -> str:
    """A text of so many sentences."""
    return " ".join(f"This is sentence {count} on the {about} in hand." for count in range(number))


def talk(turns: int, text: str | None = None) -> list[Message]:
    """A conversation that ends with the question of its last turn."""
    said = [system(text if text is not None else house())]
    for number in range(1, turns + 1):
        said.append(user(f"Question {number}: {words(8)}"))
        if number < turns:
            said.append(assistant(f"Answer {number}: {words(12)}"))
    return said


def loop(outputs: Sequence[str], *, thoughts: bool = False) -> list[Message]:
    """One turn with a tool call for each output, which ends with the last of them."""
    said = [system(house()), user("Look through the house.")]
    for number, text in enumerate(outputs):
        more = {"reasoning_content": f"Thought {number}: {words(10, 'door')}"} if thoughts else {}
        said += [assistant(None, (f"call{number}", '{"path": "."}'), **more), output(f"call{number}", text)]
    return said


class Scene:
    """A running kvconsole, asked one request after the other."""

    def __init__(self, run: Running) -> None:
        self.run = run
        self._seen = 0

    def ask(
        self,
        messages: Sequence[Message],
        tools: Sequence[Message] = (),
        *,
        session: str = "main",
        logged: bool = True,
        **body: Any,
    ) -> Record:
        """Send a chat completion and read its answer; gives its record, explained.

        Args:
            messages: The conversation.
            tools: Declared tools.
            session: What the client calls the conversation.
            logged: Whether to wait for the log's turn as well.
            body: More members of the body.
        """
        sent = {"model": "tiny", "messages": list(messages), "max_tokens": 4, "temperature": 0, **body}
        if tools:
            sent["tools"] = list(tools)
        return self.send("/v1/chat/completions", sent, session=session, logged=logged)

    def send(self, path: str, body: dict[str, Any], *, session: str = "main", logged: bool = True) -> Record:
        """Send a request of any API and read its answer; gives its record, explained."""
        raw, headers = json.dumps(body).encode(), {"X-Session-Id": session}
        url = f"{self.run.url}{path}"
        httpx.post(url, content=raw, headers=headers, timeout=BOUND, trust_env=False).raise_for_status()
        return self.explained(logged=logged)

    def explained(self, *, logged: bool = True) -> Record:
        """The next record that is explained with all that is to be known of it."""

        def ready() -> Record | None:
            fresh = [record for record in self.run.prompts() if record.id > self._seen]
            done = fresh and not fresh[0].open and fresh[0].diagnosis is not None
            return fresh[0] if done and (fresh[0].turn is not None or not logged) else None

        record = self.run.wait_for(ready, f"the explanation of request {self._seen + 1}")
        self._seen = record.id
        # A turn that was joined to it after its first explanation is taken into account in the same step.
        step: Future[None] = Future()
        self.run.engine._call(lambda: step.set_result(None))
        step.result(BOUND)
        return self.run.records()[record.id]

    def when(self, record: Record, holds: Callable[[Diagnosis], object], what: str) -> Diagnosis:
        """A record's diagnosis, once it holds what is only known later."""

        def found() -> Diagnosis | None:
            diagnosis = self.run.records()[record.id].diagnosis
            return diagnosis if diagnosis is not None and holds(diagnosis) else None

        return self.run.wait_for(found, what)

    def counted(self, record: Record) -> Diagnosis:
        """A record's diagnosis, once the server's tokenizer has counted what its prompt shares."""
        self.run.engine.look_closer(record.id)

        def exact(diagnosis: Diagnosis) -> bool:
            return diagnosis.predicted is not None and diagnosis.predicted.source == "tokens"

        return self.when(record, exact, "the count")


def verdict(record: Record) -> Verdict:
    assert record.diagnosis is not None
    return record.diagnosis.verdict


def headline(record: Record) -> str:
    return verdict(record).headline


def off_by(diagnosis: Diagnosis | None, record: Record) -> int:
    """How many tokens predicted and measured reuse lie apart."""
    assert diagnosis is not None
    assert diagnosis.predicted is not None
    assert record.cached_n is not None
    return abs(diagnosis.predicted.tokens - record.cached_n)


def flags(record: Record) -> list[str]:
    """What is advised, the kind apart."""
    return [advice.what for advice in verdict(record).advice]


@contextmanager
def scene(url: str, *logs: Path, rules: bool = False) -> Iterator[Scene]:
    """A kvconsole in front of a server whose logs it reads; rules are bypassed unless told."""
    with running_engine(url, log=logs, rules=rules) as run:
        if logs:
            # Until the file was opened, what is written into it counts as its past.
            run.wait_for(lambda: run.of(LogRead), "the first line of the log")
        yield Scene(run)
