from __future__ import annotations

from proxy_core.llama.feed import LogFeed
from tests.llama.corpus import ERAS, SILENT, all_lines


def test_a_batch_has_lines_events_and_turns() -> None:
    batch = LogFeed().read(ERAS["b10500"], live=True)
    assert [line.text for line in batch.lines] == ERAS["b10500"]
    assert [line.category for line in batch.lines if line.category] == [x.category for x in batch.events]
    assert [turn.task for turn in batch.turns] == [7]
    assert batch.live


def test_a_turn_may_come_in_pieces() -> None:
    feed = LogFeed()
    batches = [feed.read([line], live=False) for line in ERAS["b4500"]]
    (turn,) = (turn for batch in batches for turn in batch.turns)
    assert (turn.prompt_n, turn.cached_n) == (200, 1000)


def test_silent_lines_are_shown_without_a_kind() -> None:
    batch = LogFeed().read(SILENT, live=True)
    assert {line.category for line in batch.lines} == {None}
    assert (batch.events, batch.turns) == ((), ())


def test_every_line_is_shown() -> None:
    assert len(LogFeed().read(all_lines(), live=True).lines) == len(all_lines())
