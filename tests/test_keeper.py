"""What the journal takes of a turn, and what it is called there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy_core.events import Event, RecordChanged
from proxy_core.exchange import Bodies, Exchange, Record
from proxy_core.history import History
from proxy_core.journal import Entry, JournalWriter
from proxy_core.keeper import Keeper
from proxy_core.settings import load_settings

EXCHANGE = Exchange("POST", "/v1/chat/completions", "chat", "chat", True, client="openclaw")
DONE = replace(EXCHANGE, status="done", http_status=200)


class Kept:
    """A history whose turns go to a journal that takes as many as it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: bool) -> None:
        self.entries: list[Entry] = []
        left = list(answers)

        def put(_writer: JournalWriter, entry: Entry) -> bool:
            self.entries.append(entry)
            return left.pop(0)

        monkeypatch.setattr(JournalWriter, "put", put)
        self.history = History(self._changed, records=10, body_bytes=1000, run="3f9a12c4")
        settings = load_settings({}, environ={}).settings
        self.keeper = Keeper(settings, "3f9a12c4", self.history, lambda: "b1", lambda _: None)

    def _changed(self, event: Event) -> None:
        if isinstance(event, RecordChanged):
            self.keeper.record(event.record)

    def turn(self, *totals: float) -> Record | None:
        """A turn that ends, and becomes better known with each further total."""
        key = self.history.begin(EXCHANGE, Bodies(b"raw", b"normalized"))
        for total in totals:
            self.history.change(key, replace(DONE, total_ms=total))
        self.keeper.close()
        return self.history.get(key)


def test_a_turn_that_the_journal_did_not_take_has_no_name_there(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(monkeypatch, False)
    record = kept.turn(1.0, 2.0)
    assert record is not None
    assert record.name is None
    assert len(kept.entries) == 1, "it is not tried again without its bodies"


def test_what_is_known_later_may_be_refused_and_the_turn_keeps_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = Kept(monkeypatch, True, False, True)
    record = kept.turn(1.0, 2.0, 3.0)
    assert record is not None
    assert record.name == "3f9a12c4-1"
    assert [(entry.again, entry.bodies is not None, entry.total_ms) for entry in kept.entries] == [
        (False, True, 1.0),
        (True, False, 2.0),
        (True, False, 3.0),
    ]
