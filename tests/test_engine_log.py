from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxy_core import paths
from proxy_core.events import LogRead
from proxy_core.exchange import Record
from proxy_core.state import load_state
from tests.running import Running, running_engine

NOWHERE = "http://127.0.0.1:9"


def turn(task: int) -> str:
    """One turn as b11549 logs it; its task number is its mark."""
    stamp, slot = "0.01.000.000 I", f"id  0 | task {task} |"
    return (
        f"{stamp} slot get_availabl: id  0 | task -1 | selected slot by LCP similarity,"
        " f_sim_best = 0.900 (> 0.100 thold), f_keep = 0.800\n"
        f"{stamp} slot launch_slot_: {slot} processing task, is_child = 0\n"
        f"{stamp} slot print_timing: {slot} prompt eval time =      10.00 ms /    10 tokens (x)\n"
        f"{stamp} slot print_timing: {slot}        eval time =       5.00 ms /     2 tokens (x)\n"
        f"{stamp} slot print_timing: {slot}       total time =      15.00 ms /    12 tokens\n"
        f"{stamp} slot      release: {slot} stop processing: n_tokens = 101, truncated = 0\n"
    )


def append(log: Path, lines: str) -> int:
    with log.open("a") as file:
        return file.write(lines)


def text(run: Running) -> list[str]:
    return [line.text for event in run.of(LogRead) for line in event.lines]


def old_turns(run: Running) -> list[Record]:
    """Turns from before kvconsole began to read, which stand in the table at once."""
    return [record for record in run.records().values() if record.at is None]


def tasks(records: list[Record]) -> list[int | None]:
    return [record.turn.task for record in records if record.turn]


def test_the_first_start_reads_from_the_beginning_and_the_second_from_the_end(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(turn(1) + turn(2))
    with running_engine(NOWHERE, log=(log,)) as run:
        run.wait_for(lambda: len(old_turns(run)) == 2, "the turns of the past")
        assert tasks(old_turns(run)) == [1, 2]
        assert [record.sim for record in old_turns(run)] == [0.9, 0.9]
        assert run.engine._history.totals.requests == 0
    state, _ = load_state(paths.state_file())
    assert state.logs_seen == [str(log)]
    with running_engine(NOWHERE, log=(log,)) as run:
        # Until the file has been opened, what is written still counts as its past.
        run.wait_for(lambda: append(log, "new line\n") and text(run), "the new line")
        assert set(text(run)) == {"new line"}
        assert old_turns(run) == []


def test_a_log_may_appear_later(tmp_path: Path) -> None:
    log = tmp_path / "later" / "server.log"
    with running_engine(NOWHERE, log=(log,)) as run:
        log.parent.mkdir()
        log.write_text("first\n")
        run.wait_for(lambda: text(run) == ["first"], "the first line")


def test_a_log_may_be_rotated_truncated_and_rotated_again(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("one\n")
    with running_engine(NOWHERE, log=(log,)) as run:
        run.wait_for(lambda: text(run) == ["one"], "the first line")
        with log.open("a") as file:
            file.write("two\n")
            file.flush()
            log.rename(tmp_path / "server.log.1")
            log.write_text("three\n")
        run.wait_for(lambda: text(run) == ["one", "two", "three"], "the lines around the rotation")
        log.write_text("")
        append(log, "four\n")
        run.wait_for(lambda: text(run)[-1] == "four", "the line after the truncation")
        log.rename(tmp_path / "server.log.2")
        log.write_text("five\n")
        run.wait_for(lambda: text(run)[-1] == "five", "the line after the second rotation")
        assert text(run) == ["one", "two", "three", "four", "five"]


def test_a_log_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with running_engine(NOWHERE, log=(tmp_path,)) as run:
        [notice] = run.wait_for(lambda: run.notices("Log"), "the notice")
        assert str(tmp_path) in notice.message
        assert "kvconsole keeps trying" in notice.message


def test_a_log_is_read_from_standard_input_until_its_end() -> None:
    read, write = os.pipe()
    try:
        with running_engine(NOWHERE, log=("-",), stdin=read) as run:
            os.write(write, b"hello\nhalf")
            run.wait_for(lambda: text(run) == ["hello"], "the line")
            os.close(write)
            run.wait_for(lambda: text(run) == ["hello", "half"], "the last line")
            [notice] = run.wait_for(lambda: run.notices("Log"), "the notice")
            assert "has ended" in notice.message
    finally:
        os.close(read)


def test_several_logs_are_followed_each_on_its_own(tmp_path: Path) -> None:
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    # Halves of turns in two files must not be put together.
    one.write_text(turn(1) + turn(3)[:200])
    two.write_text(turn(3)[200:] + turn(2))
    with running_engine(NOWHERE, log=(one, two)) as run:
        run.wait_for(lambda: {1, 2} <= set(tasks(old_turns(run))), "a turn of each file")


def test_a_live_turn_of_nobody_here_is_a_record_of_its_own_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_core.join.GRACE", 0.2)
    log = tmp_path / "server.log"
    log.write_text("")
    with running_engine(NOWHERE, log=(log,)) as run:
        append(log, "ready\n")
        run.wait_for(lambda: text(run) == ["ready"], "the first line")
        append(log, turn(7))
        [record] = run.wait_for(lambda: list(run.records().values()), "the turn alone")
        assert tasks([record]) == [7]
        assert record.at is not None
        assert run.engine._history.totals.reused == 90
