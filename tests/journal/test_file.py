"""What the file keeps, how it stays within its limits, and what is gone afterwards."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy_core.journal.entry import Key, summary_of
from proxy_core.journal.file import Info, JournalFile, Limits
from proxy_core.journal.prepared import prepare
from proxy_core.llama.said import Said
from proxy_core.rules import Edit
from proxy_core.verdict import Diagnosis, Verdict
from tests.journal.kit import DAY, NOW, Clock, conversation, entry, kept, noise, records, whole, write

MB = 1024 * 1024


def on_disk(path: Path) -> bytes:
    return b"".join(part.read_bytes() for part in path.parent.iterdir())


@given(st.lists(st.tuples(st.binary(max_size=9000), st.binary(max_size=9000) | st.none()), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_very_bytes_come_back(path: Path, bodies: list[tuple[bytes, bytes | None]]) -> None:
    entries = [entry(number, bodies=whole(*pair)) for number, pair in enumerate(bodies)]
    write(path, *entries)
    assert kept(path)[: len(entries)] == entries
    file = JournalFile(path)
    file.clear()
    file.close()


def test_all_of_an_entry_comes_back(file: JournalFile) -> None:
    full = msgspec.structs.replace(
        entry(7, bodies=whole(b'{"a":1}', b'{"a":2}')),
        edits=(Edit("r", None, "old", "new"),),
        said=Said("text"),
        diagnosis=Diagnosis(Verdict("healthy", evidence=("so",)), predecessor=6),
    )
    file.write([prepare(full)])
    assert file.get(full.key) == full
    assert file.newest(1) == [summary_of(full)]
    assert file.get(Key("run", 8)) is None
    assert file.get(Key("other", 7)) is None


def test_an_untouched_body_comes_back_as_one_object(file: JournalFile) -> None:
    body = conversation(3)[-1]
    # Equal bytes are the same body, also where they are two objects.
    file.write([prepare(entry(bodies=whole(body, bytes(bytearray(body)))))])
    found = file.get(Key("run", 1))
    assert found is not None
    assert found.bodies is not None
    assert found.bodies.raw is found.bodies.normalized
    assert file.info().body_bytes == len(body)


def test_what_is_known_later_replaces_the_entry_and_bodies_stay(file: JournalFile) -> None:
    first = entry(bodies=whole(b"raw", b"normal"))
    file.write([prepare(first)])
    told = Diagnosis(Verdict("cold start"))
    later = msgspec.structs.replace(first, diagnosis=told, bodies=None, at=NOW + 1, lane="other")
    file.write([prepare(later)])
    assert list(file.entries()) == [msgspec.structs.replace(later, bodies=first.bodies)]
    [short] = file.newest(9)
    assert (short.raw_bytes, short.normalized_bytes, short.verdict) == (3, 6, Verdict("cold start"))
    assert file.info().body_bytes == 9
    file.write([prepare(msgspec.structs.replace(first, bodies=whole(b"anew")))])
    found = file.get(first.key)
    assert found is not None
    assert found.bodies == whole(b"anew")


def test_what_left_the_journal_does_not_come_back_when_more_is_known(file: JournalFile) -> None:
    first = entry(1, bodies=whole(b"raw"))
    file.write([prepare(first), prepare(entry(2))])
    assert file.clear() == 2
    later = msgspec.structs.replace(first, bodies=None, said=Said("what was said"), again=True)
    file.write([prepare(later), prepare(entry(3))])
    assert [found.record for found in file.entries()] == [3]


def test_a_growing_conversation_takes_a_small_part_of_its_size(path: Path) -> None:
    bodies = conversation(150, system=12_000)
    entries = [entry(number, bodies=whole(b" " + body, body)) for number, body in enumerate(bodies)]
    write(path, *entries)
    file = JournalFile(path)
    info = file.info()
    file.close()
    assert info.body_bytes == sum(2 * len(body) + 1 for body in bodies)
    assert info.disk_bytes < info.body_bytes / 15
    assert kept(path) == entries


def test_what_rules_put_back_in_every_turn_is_there_once(path: Path) -> None:
    restored = noise(1, 50_000).hex()
    edits = (Edit("any.restore", 3, "[pruned]", restored), Edit("any.restore", 5, "[pruned]", restored[::-1]))
    write(path, *(msgspec.structs.replace(entry(number), edits=edits) for number in range(20)))
    file = JournalFile(path)
    assert file.info().used_bytes < 3 * len(restored)
    file.close()
    assert all(found.edits == edits for found in kept(path))


def test_every_file_is_the_owners_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        file = JournalFile(path, clock=Clock())
        file.write([prepare(entry(bodies=whole(noise(1, 9000))))])
    finally:
        os.umask(before)
    names = {part.name: stat.S_IMODE(part.stat().st_mode) for part in path.parent.iterdir()}
    file.close()
    assert "journal.sqlite-wal" in names
    assert set(names.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_looking_makes_no_file(file: JournalFile, path: Path) -> None:
    assert file.info() == Info()
    assert (file.get(Key("r", 1)), file.newest(9), list(file.summaries()), list(file.entries())) == (
        None,
        [],
        [],
        [],
    )
    assert (file.tidy(), file.clear(), file.vacuum(), file.set_asides()) == (0, 0, (0, 0), [])
    assert not path.parent.exists()


def test_information_counts_what_there_is(file: JournalFile) -> None:
    file.write(
        [
            prepare(entry(1, run="a", lane="x", at=NOW - 5, bodies=whole(b"12345", b"123"))),
            prepare(entry(1, run="b", lane="x", at=NOW - 9, bodies=whole(b"12345"))),
            prepare(entry(2, run="b", lane=None, at=NOW)),
        ]
    )
    info = file.info()
    assert info[:6] == (3, 2, 1, NOW - 9, NOW, 13)
    assert 0 < info.used_bytes <= info.disk_bytes


def test_old_entries_go_and_their_texts_with_their_volume(path: Path, clock: Clock) -> None:
    file = JournalFile(path, Limits(seconds=8 * DAY), clock)
    secret = noise(1, 400)
    file.write([prepare(entry(1, at=clock.now, bodies=whole(secret)))])
    clock.now += 0.9 * DAY
    file.write([prepare(entry(2, at=clock.now, bodies=whole(secret)))])
    clock.now += 0.5 * DAY
    file.write([prepare(entry(3, at=clock.now, bodies=whole(b"other")))])
    clock.now = NOW + 8 * DAY
    assert file.tidy() == 0
    clock.now += 1
    assert file.tidy() == 1
    assert [found.record for found in file.entries()] == [2, 3]
    assert secret in on_disk(path)
    clock.now = NOW + 8.9 * DAY + 1
    assert file.tidy() == 1
    assert secret not in on_disk(path)
    [left] = file.entries()
    assert left.bodies == whole(b"other")
    file.close()


def test_the_file_stays_within_its_bound_and_the_newest_stay(path: Path) -> None:
    limits = Limits(bytes=2 * MB)
    file = JournalFile(path, limits, Clock())
    full = 0
    for number in range(60):
        if file.write([prepare(entry(number, at=NOW + number, bodies=whole(noise(number, 90_000))))]):
            full += 1
            assert file.tidy() > 0
        assert file.info().used_bytes <= limits.bytes
    found = [short.record for short in file.summaries()]
    assert full > 2
    # An eighth and one entry go at a time, the oldest first, and the others are whole.
    assert found == list(range(60 - len(found), 60))
    assert file.info().used_bytes > limits.bytes * 3 / 4 - 2 * 90_000
    assert [entry.bodies for entry in file.entries()] == [whole(noise(number, 90_000)) for number in found]
    assert path.stat().st_size < limits.bytes * 1.2
    file.close()


def test_an_entry_that_is_too_large_for_the_journal_goes_too(path: Path) -> None:
    file = JournalFile(path, Limits(bytes=200_000), Clock())
    assert file.write([prepare(entry(1, bodies=whole(noise(1, 400_000))))])
    assert file.tidy() == 1
    assert file.info().disk_bytes < 200_000
    assert not file.write([prepare(entry(2))])
    assert records(path) == [2]
    file.close()


def test_an_entry_that_is_written_again_in_a_later_volume_stays_whole(path: Path, clock: Clock) -> None:
    file = JournalFile(path, Limits(seconds=8 * DAY), clock)
    bodies = whole(conversation(3)[-1])
    early = entry(1, at=NOW, bodies=bodies)
    file.write([prepare(early)])
    clock.now += 2 * DAY
    told = Diagnosis(Verdict("healthy"))
    late = msgspec.structs.replace(early, diagnosis=told)
    file.write([prepare(late), prepare(entry(2, at=clock.now, bodies=bodies))])
    clock.now = NOW + 9 * DAY
    assert file.tidy() == 1
    [left] = file.entries()
    assert (left.record, left.bodies) == (2, bodies)
    file.close()


def test_a_clock_that_is_set_back_makes_no_volume_for_each_batch(path: Path, clock: Clock) -> None:
    file = JournalFile(path, clock=clock)
    for step in range(5):
        clock.now = NOW - step * 3600
        file.write([prepare(entry(step, at=clock.now))])
    file.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM volumes").fetchone() == (1,)


def test_what_was_cleared_can_no_longer_be_read_from_the_disk(file: JournalFile, path: Path) -> None:
    secret, large = noise(1, 200), noise(2, 300_000)
    kept_aside = path.with_name("journal.sqlite.broken-1")
    file.write([prepare(entry(1, bodies=whole(secret))), prepare(entry(2, bodies=whole(large)))])
    kept_aside.write_text("an earlier one")
    kept_aside.with_name(f"{kept_aside.name}-wal").write_text("its log")
    assert secret in on_disk(path)
    assert file.clear() == 2
    assert file.info().entries == 0
    assert secret not in on_disk(path)
    assert len(on_disk(path)) < 100_000
    assert file.set_asides() == [kept_aside]
    file.write([prepare(entry(3, bodies=whole(secret)))])
    assert records(path) == [3]


def test_vacuuming_makes_the_file_smaller_and_keeps_what_is_in_it(path: Path, clock: Clock) -> None:
    file = JournalFile(path, Limits(seconds=DAY), clock)
    file.write([prepare(entry(1, bodies=whole(noise(1, MB))))])
    clock.now += 0.9 * DAY
    last = entry(2, at=clock.now, bodies=whole(conversation(5)[-1]))
    file.write([prepare(last)])
    clock.now += 0.2 * DAY
    before, after = file.vacuum()
    assert after < before - MB / 2
    assert list(file.entries()) == [last]
    file.close()


def test_two_that_use_one_file_see_each_others_entries(path: Path) -> None:
    one, other = JournalFile(path, clock=Clock()), JournalFile(path, clock=Clock())
    body = conversation(3)[-1]
    for number in range(3):
        one.write([prepare(entry(number, run="one", bodies=whole(body)))])
        other.write([prepare(entry(number, run="other", bodies=whole(body)))])
    expected = {("one", n) for n in range(3)} | {("other", n) for n in range(3)}
    assert {found.key for found in one.entries()} == {found.key for found in other.entries()} == expected
    assert all(found.bodies == whole(body) for found in one.entries())
    assert one.info().used_bytes < 5 * len(body) + 60_000
    one.close()
    other.close()
