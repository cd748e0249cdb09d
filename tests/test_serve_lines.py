"""Lines of `kvconsole serve` about turns: the verdict, what was lost and saved, and when they are printed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.serve import Printer, line
from proxy_core.events import RecordChanged
from proxy_core.exchange import Record
from tests.screens.explained import running, story, system_changed, turn


def test_a_line_tells_why() -> None:
    said = line(system_changed())
    assert " | verdict=system changed: Inbound Context | lost=15154 | done 200" in said
    saved = line(turn(2, "healthy", reused=900, tokens=1_000, saved=640))
    assert " | verdict=healthy | lost=0 | saved=640 | " in saved


def test_what_is_unknown_is_left_out_and_what_is_predicted_marked() -> None:
    predicted = line(story()[12])
    assert "verdict=~system changed: Inbound Context" in predicted
    assert "lost=" not in predicted
    assert "verdict" not in line(replace(system_changed(), diagnosis=None))


def test_a_heading_does_not_part_the_fields() -> None:
    odd = turn(1, "system changed", "a | lost=9", reused=1, tokens=2)
    assert "verdict=system changed: a ¦ lost=9 | lost=0" in line(odd)


def test_what_a_person_wrote_elsewhere_is_not_for_the_log() -> None:
    taken = turn(4, "slot taken", "by “my secret plan”", reused=10, tokens=900, lost=800)
    assert " | verdict=slot taken | lost=800 | " in line(taken)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def begun(printer: Printer, record: Record) -> None:
    printer.take(RecordChanged(running(record.id)))
    printer.take(RecordChanged(record))


def test_a_line_waits_for_the_verdict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("console.serve.time.monotonic", lambda: now)
    printer = Printer(wait_for_log=True)
    record = system_changed()
    begun(printer, replace(record, diagnosis=None))
    now += 0.9
    printer.flush()
    assert printed(capsys) == []
    printer.take(RecordChanged(record))
    printer.flush()
    assert printed(capsys) == [], "a better one may follow at once"
    now += 0.3
    printer.flush()
    assert "verdict=system changed" in printed(capsys)[0]


def test_a_line_does_not_wait_for_ever(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("console.serve.time.monotonic", lambda: now)
    printer = Printer(wait_for_log=True)
    begun(printer, replace(system_changed(), diagnosis=None, turn=None))
    now += 1.1
    printer.flush()
    assert len(printed(capsys)) == 1


def test_a_request_that_failed_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer(wait_for_log=True)
    record = system_changed()
    assert record.exchange is not None
    begun(
        printer, replace(record, diagnosis=None, turn=None, exchange=replace(record.exchange, status="error"))
    )
    printer.flush()
    assert len(printed(capsys)) == 1
