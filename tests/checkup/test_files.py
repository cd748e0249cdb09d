"""Can kvconsole's files be used, and by nobody else?"""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy_core.checkup.checks import files
from proxy_core.checkup.setup import FileSeen, Proxy
from tests.checkup.kit import only, setup, told


@pytest.mark.parametrize(
    ("name", "mode", "private", "level", "command"),
    [
        ("state", 0o600, True, "ok", ""),
        ("state", 0o644, True, "problem", "chmod 600 /x"),
        ("lanes", 0o660, True, "problem", "chmod 600 /x"),
        ("state directory", 0o700, True, "ok", ""),
        ("state directory", 0o755, True, "hint", "chmod 700 /x"),
        ("state directory", 0o777, True, "problem", "chmod 700 /x"),
        ("rules", 0o755, False, "ok", ""),
        ("rules", 0o775, False, "problem", "chmod go-w /x"),
        ("configuration", 0o666, False, "problem", "chmod go-w /x"),
        ("configuration", None, False, "ok", ""),
    ],
)
def test_modes(name: str, mode: int | None, private: bool, level: str, command: str) -> None:
    found = only(files.check_access, setup(files=(FileSeen(name, Path("/x"), mode, private),)))
    assert (found.level, found.do) == (level, command)


def test_what_cannot_be_read() -> None:
    closed = FileSeen("state", Path("/x"), 0o600, True, "it cannot be read and written")
    found = only(files.check_access, setup(files=(closed,)))
    assert (found.level, found.saw) == ("problem", "/x (state): it cannot be read and written.")


def test_broken_files() -> None:
    assert told(files.check_state, setup()) == []
    assert "bad JSON" in only(files.check_state, setup(state_problem="bad JSON")).saw
    assert told(files.check_lanes, setup()) == []
    assert "malformed" in only(files.check_lanes, setup(lanes_problem="malformed")).saw


def test_a_journal_that_cannot_keep_up() -> None:
    assert told(files.check_journal, setup(proxy=Proxy())) == []
    assert "malformed" in only(files.check_journal, setup(journal_problem="malformed")).saw
    found = only(files.check_journal, setup(proxy=Proxy(dropped=12)))
    assert (found.level, found.saw[:12]) == ("hint", "12 requests ")


def test_room() -> None:
    assert told(files.check_room, setup(free_bytes=10**10)) == []
    assert told(files.check_room, setup(free_bytes=None)) == []
    assert "100 MiB" in only(files.check_room, setup(free_bytes=100 * 1024**2)).saw


def test_leftovers() -> None:
    assert told(files.check_leftovers, setup()) == []
    many = tuple(f"/s/lanes.sqlite.broken-{number}" for number in range(9))
    found = only(files.check_leftovers, setup(leftovers=many))
    assert found.saw.endswith("broken-4 and 4 more.")


def test_versions() -> None:
    assert only(files.check_versions, setup()).saw == "kvconsole 1.0.0; textual 8.2.8."
