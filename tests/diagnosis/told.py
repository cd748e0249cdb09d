"""A server that exists only as a log and as answers, for builds and models that cannot be run here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from proxy_core.exchange import Record
from tests.diagnosis.scenes import Scene
from tests.fake_upstream import FakeUpstream
from tests.llama.corpus import slot, srv, timing
from tests.rules.talk import Message
from tests.running import asked

GENERATED = 4
"""Tokens of each answer."""


class Ran(NamedTuple):
    """A turn as the log and the answer tell it."""

    tokens: int
    """Of the whole prompt."""
    cached: int
    selection: str = ""
    """The text of the line that chooses the slot; none is written when empty."""
    lines: Sequence[str] = ()
    """Lines between the start of the task and its figures."""
    before: Sequence[str] = ()
    """Lines before the slot is chosen."""
    slot: int = 0


def lcp(sim: float, f_keep: float) -> str:
    """How builds from b6723 on choose a slot by its content."""
    return f"selected slot by LCP similarity, sim_best = {sim:.3f} (> 0.100 thold), f_keep = {f_keep:.3f}"


class Told:
    """Plays turns: writes the log of a build of b6890 to b9150, and answers as it does."""

    def __init__(self, scene: Scene, fake: FakeUpstream, log: Path) -> None:
        self.scene = scene
        self._fake = fake
        self._log = log
        self._task = 0

    def write(self, *lines: str) -> None:
        """Let the server log something."""
        with self._log.open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def ask(
        self,
        messages: Sequence[Message],
        ran: Ran,
        *,
        session: str = "main",
        logged: bool = True,
        **body: object,
    ) -> Record:
        """Send a request that the server answers as `ran` says; gives its record, explained.

        Args:
            messages: The conversation.
            ran: What the server did.
            session: What the client calls the conversation.
            logged: Whether kvconsole reads the log.
            body: More members of the body.
        """
        raw = json.dumps({"model": "tiny", "messages": list(messages), **body}).encode()
        with asked(
            self.scene.run, "POST", "/v1/chat/completions", raw, [("X-Session-Id", session)]
        ) as client:
            while (call := self._fake.next()).method != "POST":
                # kvconsole asks about the model that a request is for.
                call.answer(b"{}", status="404 Not Found")
            self.write(*self._turn(ran))
            call.answer(json.dumps(_answer(ran)).encode())
            client.getresponse().read()
        return self.scene.explained(logged=logged)

    def leave(self, messages: Sequence[Message], read: int) -> Record:
        """Send a request and go away while its prompt is evaluated, when so many tokens of it were."""
        raw = json.dumps({"model": "tiny", "messages": list(messages), "stream": True}).encode()
        with asked(self.scene.run, "POST", "/v1/chat/completions", raw, [("X-Session-Id", "main")]) as client:
            call = self._fake.next()
            client.close()
        assert call.is_closed_by_peer()
        call.close()
        self._task += 10
        self.write(
            slot("get_available_slot", "selected slot by LRU, t_last = -1", task=-1),
            slot("launch_slot_", "processing task", task=self._task),
            slot("update_slots", "n_tokens = 0, memory_seq_rm [0, end)", task=self._task),
            srv("stop", f"cancel task, id_task = {self._task}"),
            slot("release", f"stop processing: n_tokens = {read}, truncated = 0", task=self._task),
        )
        return self.scene.explained()

    def _turn(self, ran: Ran) -> list[str]:
        self._task += 10
        evaluated = ran.tokens - ran.cached
        total = _ms(evaluated) + 2.0 * GENERATED

        def line(function: str, text: str) -> str:
            return slot(function, text, slot_id=ran.slot, task=self._task)

        chosen = (
            [slot("get_available_slot", ran.selection, slot_id=ran.slot, task=-1)] if ran.selection else []
        )
        return [
            *ran.before,
            *chosen,
            line("launch_slot_", "processing task"),
            *(line("update_slots", text) for text in ran.lines),
            line("print_timing", ""),
            timing("prompt eval time", _ms(evaluated), evaluated),
            timing("eval time", 2.0 * GENERATED, GENERATED),
            f"      total time = {total:10.2f} ms / {evaluated + GENERATED:5d} tokens",
            line("release", f"stop processing: n_tokens = {ran.tokens + GENERATED - 1}, truncated = 0"),
        ]


def _ms(tokens: int) -> float:
    return 2.0 * tokens


def _answer(ran: Ran) -> dict[str, object]:
    evaluated = ran.tokens - ran.cached
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}}],
        "usage": {"prompt_tokens": ran.tokens, "completion_tokens": GENERATED},
        "timings": {
            "cache_n": ran.cached,
            "prompt_n": evaluated,
            "prompt_ms": _ms(evaluated),
            "predicted_n": GENERATED,
            "predicted_ms": 2.0 * GENERATED,
        },
    }
