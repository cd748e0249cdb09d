"""Which entries are read, in what order, and what one that is damaged costs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from proxy_core.journal import reading
from proxy_core.journal.entry import Key
from proxy_core.journal.file import JournalFile
from proxy_core.journal.prepared import prepare
from proxy_core.journal.reading import ALL, Wanted
from proxy_core.llama.said import Said
from proxy_core.sqlite_file import BrokenFileError, DamagedFileError
from tests.journal.kit import NOW, conversation, entry, noise, whole


@pytest.fixture
def filled(file: JournalFile) -> JournalFile:
    """Ten entries of two runs and two lanes, not written in their order; two of them of one time."""
    file.write(
        [
            prepare(
                entry(
                    number,
                    run="even" if number % 2 == 0 else "odd",
                    lane="low" if number < 5 else "high",
                    at=NOW + min(number, 8),
                    bodies=whole(f"body {number}".encode()),
                )
            )
            for number in (3, 1, 4, 5, 9, 2, 6, 0, 7, 8)
        ]
    )
    return file


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ALL, [0, 1, 2, 3, 4, 5, 6, 7, 9, 8]),
        (Wanted(lane="low"), [0, 1, 2, 3, 4]),
        (Wanted(lane="no such"), []),
        (Wanted(run="odd"), [1, 3, 5, 7, 9]),
        (Wanted(since=NOW + 3, until=NOW + 6), [3, 4, 5]),
        (Wanted(lane="high", run="even", since=NOW + 7), [8]),
    ],
)
@pytest.mark.parametrize("page", [1, 3, 200])
def test_a_range_is_read_in_its_order(
    filled: JournalFile, wanted: Wanted, expected: list[int], page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_PAGE", page)
    assert [found.record for found in filled.entries(wanted)] == expected
    assert [short.record for short in filled.summaries(wanted)] == expected
    assert [short.record for short in filled.newest(3, wanted)] == expected[::-1][:3]
    assert [found.record for found in filled.entries(wanted, skip=2)] == expected[2:]
    assert [found.record for found in filled.entries(wanted, skip=99)] == []
    assert filled.count(wanted) == len(expected)


@pytest.mark.parametrize("most", [1, 4, 99])
def test_the_latest_come_oldest_first_and_without_bodies(filled: JournalFile, most: int) -> None:
    latest = filled.latest(most)
    assert [found.record for found in latest] == [0, 1, 2, 3, 4, 5, 6, 7, 9, 8][-most:]
    assert all(found.bodies is None for found in latest)


def test_the_latest_may_be_those_of_a_range(filled: JournalFile) -> None:
    assert [found.record for found in filled.latest(3, Wanted(until=NOW + 3))] == [0, 1, 2]


def test_bodies_are_read_on_request_alone(filled: JournalFile) -> None:
    assert all(found.bodies is None for found in filled.entries(bodies=False))
    assert [found.bodies for found in filled.entries(Wanted(until=NOW + 1))] == [whole(b"body 0")]


def test_what_is_written_or_goes_while_somebody_reads_harms_nobody(
    filled: JournalFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_PAGE", 4)
    found = filled.entries()
    first = next(found).record
    other = JournalFile(path)
    other.write([prepare(entry(10, at=NOW + 20))])
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM entries WHERE record IN (2, 6)")
    assert [first, *(entry.record for entry in found)] == [0, 1, 3, 4, 5, 7, 9, 8, 10]
    other.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE pieces SET content = x'00' WHERE id = (SELECT raw / 2 FROM entries WHERE record = 5)",
        "UPDATE pieces SET packed = 1 - packed WHERE id = (SELECT raw / 2 FROM entries WHERE record = 5)",
        "DELETE FROM pieces WHERE id = (SELECT raw / 2 FROM entries WHERE record = 5)",
        "UPDATE entries SET details = raw WHERE record = 5",
        "UPDATE entries SET raw = 999999 WHERE record = 5",
        "UPDATE entries SET summary = 'nonsense' WHERE record = 5",
    ],
)
def test_one_damaged_entry_costs_none_of_the_others(filled: JournalFile, path: Path, damage: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute(damage)
    db.close()
    told: list[Key] = []
    found = [found.record for found in filled.entries(damaged=lambda key, error: told.append(key))]
    assert (found, told) == ([0, 1, 2, 3, 4, 6, 7, 9, 8], [Key("odd", 5)])
    with pytest.raises(BrokenFileError):
        filled.get(Key("odd", 5))
    with pytest.raises(BrokenFileError):
        list(filled.entries())
    assert {short.record for short in filled.newest(99)} >= {0, 1, 2, 3, 4, 6, 7, 8, 9}


@pytest.mark.parametrize("children", [b"", b"\x01", b"\xff" * 8, b"itself"])
def test_a_damaged_node_leads_into_no_circle_and_to_no_other_body(
    file: JournalFile, path: Path, children: bytes
) -> None:
    file.write([prepare(entry(bodies=whole(conversation(60)[-1])))])
    with sqlite3.connect(path) as db:
        [(node, was)] = db.execute("SELECT id, children FROM nodes ORDER BY id DESC LIMIT 1")
        forged = (node * 2 + 1).to_bytes(4, "little") + was[4:] if children == b"itself" else children
        db.execute("UPDATE nodes SET children = ? WHERE id = ?", (forged, node))
    db.close()
    with pytest.raises(BrokenFileError):
        file.get(Key("run", 1))


def test_a_node_whose_references_lead_elsewhere_gives_no_other_body(file: JournalFile, path: Path) -> None:
    file.write([prepare(entry(bodies=whole(conversation(60)[-1])))])
    with sqlite3.connect(path) as db:
        [(node, was)] = db.execute("SELECT id, children FROM nodes ORDER BY id LIMIT 1")
        db.execute("UPDATE nodes SET children = ? WHERE id = ?", (was[4:8] + was[:4] + was[8:], node))
    db.close()
    with pytest.raises(BrokenFileError):
        file.get(Key("run", 1))


@pytest.mark.parametrize("name", ["entries", "pieces"])
def test_a_damaged_page_costs_the_entries_on_it_alone(file: JournalFile, path: Path, name: str) -> None:
    bodies = [noise(number, 1000) for number in range(40)]
    for number, body in enumerate(bodies):
        kept = entry(number, at=NOW + number, bodies=whole(body))
        text = noise(100 + number, 300).hex()
        file.write([prepare(msgspec.structs.replace(kept, note=text, said=Said(text)))])
    file.close()
    with sqlite3.connect(path) as db:
        leaves = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'"
        pages = [page for (page,) in db.execute(leaves, (name,))]
    db.close()
    content = bytearray(path.read_bytes())
    at = (pages[len(pages) // 2] - 1) * 4096
    content[at : at + 100] = bytes(100)
    path.write_bytes(content)
    lost: list[Key] = []
    found = list(file.entries(damaged=lambda key, error: lost.append(key)))
    assert 0 < len(lost) < 40
    assert [each.bodies for each in found] == [whole(bodies[each.record]) for each in found]
    assert {*(each.key for each in found), *lost} == {Key("run", number) for number in range(40)}
    told: list[DamagedFileError] = []
    assert 0 < len(file.latest(99, damaged=told.append)) < 40
    assert len(told) == 1
    with pytest.raises(DamagedFileError):
        file.latest(99)
