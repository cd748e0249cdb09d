"""`kvconsole journal`: what it says of the journal, and what it leaves of it."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from console.cli import cli
from console.verbs.journal import journaling
from proxy_core import paths
from proxy_core.errors import JournalError, KvconsoleError
from proxy_core.journal import JournalWriter
from proxy_core.journal.file import JournalFile
from proxy_core.journal.prepared import prepare
from proxy_core.settings import load_settings
from tests.console_process import BOUND, finished
from tests.journal.kit import conversation, entry, whole

DAY = 24 * 3600.0
SETTINGS = load_settings({}, environ={}).settings


def journal(*args: str) -> Result:
    """Run `kvconsole journal ARGS` in this process."""
    return CliRunner().invoke(cli, ["journal", *args])


def fill(turns: int = 30, *, age: float = 0.0) -> Path:
    """A journal with the turns of two runs and three conversations, the newest so many seconds old."""
    now = time.time() - age
    file = JournalFile(paths.journal_file())
    file.write(
        [
            prepare(
                entry(
                    number,
                    run=f"3f9a12c{number % 2}",
                    at=now - (turns - number) * 3600.0,
                    lane=f"lane-{number % 3}",
                    bodies=whole(body, body.replace(b"message_id", b"")),
                )
            )
            for number, body in enumerate(conversation(turns), 1)
        ]
    )
    file.close()
    return paths.journal_file()


def left() -> int:
    """How many entries there are."""
    file = JournalFile(paths.journal_file())
    try:
        return file.count()
    finally:
        file.close()


def _free_pages(file: Path) -> int:
    with closing(sqlite3.connect(file)) as db:
        return int(db.execute("PRAGMA freelist_count").fetchone()[0])


def test_without_a_journal_every_verb_says_so_and_makes_none() -> None:
    for args in (("info",), ("clear", "--yes"), ("vacuum",)):
        ran = journal(*args)
        assert ran.exit_code == 0
        assert (
            f"There is no journal{' yet' if args == ('info',) else ''}: {paths.journal_file()}" in ran.stdout
        )
    told = json.loads(journal("info", "--json").stdout)
    assert (told["entries"], told["oldest"], told["newest"], told["ratio"]) == (0, None, None, None)
    assert not paths.journal_file().exists()


def test_info_tells_how_much_there_is_and_what_it_saves() -> None:
    file = fill()
    lines = journal("info").stdout.splitlines()
    assert lines[0] == str(file)
    told = {line.split("  ")[0]: line for line in lines[2:]}
    assert told["entries"].split()[:2] == ["entries", "30"]
    assert told["runs"].split() == ["runs", "2"]
    assert told["conversations"].split() == ["conversations", "3"]
    assert "1d05h ago" in told["oldest"]
    assert "times what is in use" in told["bodies whole"]
    assert lines[-1] == "Kept for 7 days and up to 512.0 MiB. A kvconsole writes it while it runs."


def test_info_as_json_has_the_same_figures_in_plain_units() -> None:
    file = fill()
    told = json.loads(journal("info", "--json").stdout)
    assert told["path"] == str(file)
    assert (told["entries"], told["runs"], told["conversations"]) == (30, 2, 3)
    assert told["newest"] - told["oldest"] == pytest.approx(29 * 3600.0)
    assert told["disk_bytes"] >= file.stat().st_size
    assert told["ratio"] == pytest.approx(told["body_bytes"] / told["used_bytes"], abs=0.01)
    assert told["ratio"] > 1
    assert told["limits"] == {"days": 7.0, "bytes": 512 * 1024**2}
    assert told["set_aside"] == []


def test_todays_entries_are_those_since_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    fill(6)
    noon = time.mktime((2026, 11, 21, 12, 0, 0, 0, 0, -1))
    file = JournalFile(paths.journal_file())
    at = [noon - 12.5 * 3600, noon - 12 * 3600, noon]
    file.clear()
    file.write([prepare(entry(number, at=when)) for number, when in enumerate(at)])
    file.close()
    monkeypatch.setattr(time, "time", lambda: noon + 60)
    assert json.loads(journaling.info(SETTINGS, as_json=True))["today"] == 2


def test_the_limits_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    fill()
    monkeypatch.setenv("KVCONSOLE_JOURNAL", "off")
    monkeypatch.setenv("KVCONSOLE_JOURNAL_DAYS", "1")
    monkeypatch.setenv("KVCONSOLE_JOURNAL_SIZE", "2 MiB")
    told = journal("info").stdout
    assert "Kept for 1 day and up to 2.0 MiB. The settings say that none is written" in told
    assert "6 entries beyond its limits went." in journal("vacuum").stdout
    assert left() == 24


def test_vacuum_tells_the_size_before_and_after() -> None:
    file = fill(60)
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("DELETE FROM entries WHERE record < 50")
    free = _free_pages(file)
    took, takes = re.findall(r"([\d.]+) KiB", journal("vacuum").stdout)
    assert float(took) > float(takes)
    assert free > 0 == _free_pages(file)
    assert left() == 11


def test_clear_removes_everything_and_says_how_much() -> None:
    file = fill()
    before = file.stat().st_size
    said = journal("clear", "--yes").stdout
    freed = before - file.stat().st_size
    assert said == f"Removed 30 entries, {freed / 1024:.1f} KiB on the disk.\n"
    assert left() == 0
    assert b"message_id" not in file.read_bytes()


def test_clear_wants_yes_where_nobody_can_be_asked() -> None:
    fill(3)
    ran = finished("journal", "clear")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "--yes" in ran.stderr
    assert left() == 3


@pytest.mark.parametrize(("answer", "kept"), [("n\n", 3), ("y\n", 0)])
def test_clear_asks_on_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str, kept: int) -> None:
    fill(3)
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    ran = CliRunner().invoke(cli, ["journal", "clear"], input=answer)
    assert "Remove 3 entries (" in ran.stdout
    assert left() == kept


def test_a_kvconsole_that_writes_meanwhile_goes_on() -> None:
    told: list[str] = []
    bodies = conversation(40)
    writer = JournalWriter(paths.journal_file(), tell=told.append)
    ended = threading.Event()
    put = 0

    def write() -> None:
        nonlocal put
        while not ended.is_set():
            put += 1
            assert writer.put(entry(put, at=time.time(), bodies=whole(bodies[put % 40])))
            time.sleep(0.005)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for verb in (("clear", "--yes"), ("vacuum",), ("clear", "--yes")):
            assert finished("journal", *verb).returncode == 0
    finally:
        ended.set()
        writing.join(BOUND)
    last = entry(put + 1, at=time.time(), bodies=whole(b"the last one"))
    assert writer.put(last)
    assert writer.close(BOUND)
    assert (writer.dropped, writer.problem, told) == (0, None, [])
    file = JournalFile(paths.journal_file())
    found = file.get(last.key)
    file.close()
    assert found is not None
    assert found.bodies == last.bodies
    assert left() < put


@pytest.mark.parametrize("verb", [("info",), ("info", "--json"), ("clear", "--yes"), ("vacuum",)], ids=str)
@pytest.mark.parametrize("broken", ["garbage", "later"])
def test_what_is_not_understood_is_named_and_left_alone(verb: tuple[str, ...], broken: str) -> None:
    file = paths.journal_file()
    file.parent.mkdir(parents=True)
    if broken == "garbage":
        file.write_bytes(b"no database" * 100)
    else:
        with closing(sqlite3.connect(file, isolation_level=None)) as db:
            db.execute("PRAGMA user_version = 99")
            db.execute("CREATE TABLE entries (later TEXT)")
    before = file.read_bytes()
    ran = journal(*verb)
    assert isinstance(ran.exception, JournalError)
    assert f"{file} could not be understood" in ran.exception.message
    assert file.read_bytes() == before


def test_a_broken_file_ends_with_2() -> None:
    paths.journal_file().parent.mkdir(parents=True)
    paths.journal_file().write_bytes(b"no database" * 100)
    ran = finished("journal", "info")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("Journal: ")
    assert "Traceback" not in ran.stderr


def test_what_was_set_aside_is_listed_and_stays() -> None:
    fill(3)
    aside = paths.journal_file().with_name("journal.sqlite.broken-1")
    aside.write_bytes(b"x" * 2048)
    aside.with_name(f"{aside.name}-wal").write_bytes(b"y" * 1024)
    # Another one's log.
    aside.with_name("journal.sqlite.broken-12-wal").write_bytes(b"y" * 1024)
    assert f"Set aside: {aside} (3.0 KiB), which could not be understood." in journal("info").stdout
    assert json.loads(journal("info", "--json").stdout)["set_aside"] == [{"path": str(aside), "bytes": 3072}]
    assert f"Set aside: {aside} (3.0 KiB)" in journal("clear", "--yes").stdout
    assert aside.stat().st_size == 2048


def test_wrong_settings_are_named() -> None:
    paths.config_file().parent.mkdir(parents=True)
    paths.config_file().write_text('journal_days = "some"\n')
    ran = journal("info")
    assert isinstance(ran.exception, KvconsoleError)
    assert "journal_days" in ran.exception.message
