"""The journal through a whole engine: what is kept and recalled, and that no fault of it costs a request."""

from __future__ import annotations

import json
import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy_core import paths
from proxy_core.events import JournalChanged, Recalled
from proxy_core.exchange import Bodies, Record
from proxy_core.journal import Entry, Key, open_journal
from proxy_core.journal.file import JournalFile
from proxy_core.verdict import Diagnosis, Verdict
from tests.fake_upstream import FakeUpstream
from tests.rules.talk import Message, assistant, system, user
from tests.running import OPENCLAW, Running, asked, running_engine

ANSWER = {
    "choices": [{"index": 0, "message": {"content": "yes", "reasoning_content": "I think."}}],
    "timings": {"cache_n": 6, "prompt_n": 3, "prompt_ms": 4.5, "predicted_n": 1, "predicted_ms": 1.0},
}
STAMPED = "[Wed 2026-02-18 20:48 UTC] hi"


def chat(
    run: Running, fake: FakeUpstream, *messages: Message, path: str = "/v1/chat/completions", **body: Any
) -> bytes:
    """Send a request; gives its body."""
    raw = json.dumps({"messages": list(messages), **body}).encode()
    with asked(run, "POST", path, raw, [*OPENCLAW, ("Authorization", "Bearer s3cr3t-of-mine")]) as client:
        fake.next().answer(json.dumps(ANSWER).encode())
        client.getresponse().read()
    return raw


def kept() -> list[Entry]:
    with open_journal(paths.journal_file()) as journal:
        return list(journal.entries())


def test_everything_of_a_request_is_kept(fake: FakeUpstream) -> None:
    with running_engine(fake.url) as run:
        raw = chat(run, fake, user(STAMPED), path="/v1/chat/completions?api_key=s3cr3t-of-mine")
        [record] = run.wait_ended(1)
    [entry] = kept()
    assert record.name == str(entry.key)
    assert entry.bodies is not None
    assert entry.bodies.raw == raw
    assert json.loads(entry.bodies.normalized)["messages"] == [user("hi")]
    assert [edit.rule for edit in entry.edits] == ["openclaw.timestamp"]
    assert entry.said is not None
    assert (entry.said.text, entry.said.reasoning) == ("yes", "I think.")
    assert (entry.figures.cached_n, entry.figures.prompt_n, entry.http_status) == (6, 3, 200)
    assert entry.diagnosis is not None
    assert record.exchange is not None
    assert (entry.ruleset, entry.lane) == (record.exchange.ruleset, record.exchange.lane)
    assert entry.ruleset
    assert paths.journal_file().stat().st_mode & 0o777 == 0o600
    beside = [file for file in paths.state_dir().iterdir() if file.name.startswith("journal")]
    assert all(b"s3cr3t-of-mine" not in file.read_bytes() for file in beside)
    with open_journal(paths.journal_file()) as journal, journal.connection() as db:
        told = "".join(str(row) for row in db.execute("SELECT summary FROM entries"))
    assert "s3cr3t" not in told


def test_the_next_run_goes_on_where_the_last_one_ended(fake: FakeUpstream) -> None:
    with running_engine(fake.url) as run:
        first = chat(run, fake, system("Be brief."), user(STAMPED))
        second = chat(run, fake, system("Be brief."), user("hi"), assistant("yes"), user("more"))
        earlier = run.wait_ended(2)
    with running_engine(fake.url) as run:
        [recalled] = run.of(Recalled)
        old = recalled.records
        assert [record.id for record in old] == [1, 2]
        assert all(record.recalled for record in old)
        assert [record.name for record in old] == [record.name for record in earlier]
        assert [record.exchange and record.exchange.edits for record in old] == [
            record.exchange and record.exchange.edits for record in earlier
        ]
        assert old[1].diagnosis is not None
        assert old[1].diagnosis.predecessor == 1
        bodies = [run.engine.bodies(record.id) for record in old]
        assert [body.raw for body in bodies if body] == [first, second]
        longer = [user("hi"), assistant("yes"), user("more"), assistant("yes"), user("thanks")]
        chat(run, fake, system("Be terse."), *longer)
        [record] = run.wait_ended(1)
        assert (record.id, record.recalled) == (3, False)

        def explained() -> Record | None:
            [latest] = run.prompts()
            return latest if latest.diagnosis is not None else None

        diagnosis = run.wait_for(explained, "the diagnosis").diagnosis
        assert diagnosis is not None
        assert diagnosis.predecessor == 2
        assert diagnosis.raw is not None, "it was compared with a body that only the disk has"
        assert run.engine.bodies(2) == bodies[1]
    last = kept()[-1]
    assert last.before == old[1].name
    with running_engine(fake.url) as run:
        [recalled] = run.of(Recalled)
        assert [r.diagnosis and r.diagnosis.predecessor for r in recalled.records] == [None, 1, 2]


def test_bodies_that_memory_has_no_room_for_come_from_the_disk(fake: FakeUpstream) -> None:
    with running_engine(fake.url, max_bodies=2000) as run:
        raws = [chat(run, fake, user(f"{number} {'word ' * 200}")) for number in range(4)]
        run.wait_ended(4)

        def read() -> list[Bodies] | None:
            found = [run.engine.bodies(record.id) for record in run.prompts()]
            return [body for body in found if body] if all(found) else None

        assert [body.raw for body in run.wait_for(read, "all bodies")] == raws
        answered = httpx.get(f"{run.url}/kvconsole/exchanges/{run.prompts()[0].id}/raw")
        assert answered.content == raws[0]


def test_without_a_journal_nothing_is_on_disk(fake: FakeUpstream) -> None:
    with running_engine(fake.url, journal=False) as run:
        raw = chat(run, fake, user("hi"))
        [record] = run.wait_ended(1)
        assert record.name is None
        body = run.engine.bodies(record.id)
        assert body is not None
        assert body.raw == raw
        run.wait_for(lambda: run.of(JournalChanged), "the journal's state")
        assert run.of(JournalChanged)[-1].state.path is None
    assert not paths.journal_file().exists()
    with running_engine(fake.url, journal=False) as run:
        assert run.of(Recalled) == [Recalled(())]


def test_what_came_of_a_cancelled_answer_is_kept(run: Running, fake: FakeUpstream) -> None:
    raw = json.dumps({"messages": [user("hi")], "stream": True}).encode()
    with asked(run, "POST", "/v1/chat/completions", raw, OPENCLAW) as client:
        call = fake.next()
        call.start("text/event-stream")
        call.chunk(b'data: {"choices":[{"index":0,"delta":{"content":"half of"}}]}\n\n')
        answer = client.getresponse()
        assert b"half of" in answer.readline()
    run.wait_ended(1)
    run.engine.stop()
    [entry] = kept()
    assert entry.status == "cancelled"
    assert entry.said is not None
    assert entry.said.text == "half of"


def test_what_was_cleared_does_not_come_back_with_its_next_verdict(run: Running, fake: FakeUpstream) -> None:
    chat(run, fake, user("one"))
    chat(run, fake, user("one"), assistant("yes"), user("more"))
    records = run.wait_ended(2)
    run.wait_for(lambda: len(kept()) == 2, "both entries")
    with open_journal(paths.journal_file()) as journal:
        assert journal.clear() == 2
    told = Diagnosis(Verdict("unknown", "as is known by now"))
    for record in records:
        run.engine._call(partial(run.engine._history.explained, record.id, told))
    chat(run, fake, user("another"))
    run.wait_ended(3)
    run.engine.stop()
    assert [entry.messages for entry in kept()] == [1]


def test_a_client_that_polls_leaves_nothing_in_the_journal(run: Running, fake: FakeUpstream) -> None:
    for _ in range(3):
        with asked(run, "GET", "/v1/models") as client:
            fake.next().answer(b"{}")
            client.getresponse().read()
    chat(run, fake, user("hi"))
    run.wait_ended(1)
    run.engine.stop()
    assert [entry.label for entry in kept()] == ["chat"]


def test_two_kvconsoles_share_a_journal(fake: FakeUpstream) -> None:
    with running_engine(fake.url) as one, running_engine(fake.url) as other:
        chat(one, fake, user("one"))
        chat(other, fake, user("other"))
        chat(one, fake, user("one more"))
        one.wait_ended(2)
        other.wait_ended(1)
        one.engine.stop()
    runs = [entry.run for entry in kept()]
    assert len(runs) == 3
    assert len(set(runs)) == 2


def test_a_broken_journal_is_set_aside_and_the_proxy_goes_on(fake: FakeUpstream) -> None:
    paths.state_dir().mkdir(parents=True)
    broken = b"SQLite format 3\0" + os.urandom(8192)
    paths.journal_file().write_bytes(broken)
    with running_engine(fake.url) as run:
        chat(run, fake, user("hi"))
        run.wait_ended(1)
        run.wait_for(lambda: run.notices("Journal"), "the notice")
        assert "journal.sqlite.broken-1" in run.notices("Journal")[0].message
    assert paths.journal_file().with_name("journal.sqlite.broken-1").read_bytes() == broken
    assert len(kept()) == 1


def test_of_a_damaged_journal_all_is_recalled_that_can_be_read_and_it_is_set_aside(
    fake: FakeUpstream,
) -> None:
    words = " ".join(f"word{number}" for number in range(2000))
    with running_engine(fake.url) as run:
        for number in range(12):
            chat(run, fake, user(f"{number} {words}"), temperature=number)
        run.wait_ended(12)
    with sqlite3.connect(paths.journal_file()) as db:
        [(page,)] = db.execute("SELECT max(pageno) FROM dbstat WHERE name = 'entries' AND pagetype = 'leaf'")
    db.close()
    content = bytearray(paths.journal_file().read_bytes())
    content[(page - 1) * 4096 : (page - 1) * 4096 + 100] = bytes(100)
    paths.journal_file().write_bytes(content)
    with running_engine(fake.url) as run:
        [recalled] = run.of(Recalled)
        assert 0 < len(recalled.records) < 12
        run.wait_for(lambda: run.notices("Journal"), "the notice")
        assert "journal.sqlite.broken-1" in run.notices("Journal")[0].message
        assert run.engine.bodies(recalled.records[0].id) is None
        chat(run, fake, user("hi"))
        run.wait_ended(1)
    assert paths.journal_file().with_name("journal.sqlite.broken-1").read_bytes() == bytes(content)
    assert len(kept()) == 1


def test_what_a_server_quotes_of_the_keys_that_it_refuses_is_not_kept(fake: FakeUpstream) -> None:
    raw = json.dumps({"messages": [user("hi")]}).encode()
    secrets = [("Authorization", "Bearer s3cr3t-of-mine"), ("X-Api-Key", "s3cr3t-too")]
    with running_engine(fake.url) as run:
        path = "/v1/chat/completions?key=s3cr3t-query"
        with asked(run, "POST", path, raw, [*OPENCLAW, *secrets]) as client:
            said = "Incorrect API key: s3cr3t-of-mine, or s3cr3t-too, or s3cr3t-query"
            fake.next().answer(json.dumps({"error": {"message": said}}).encode(), status="401 No")
            assert said.encode() in client.getresponse().read()
        [record] = run.wait_ended(1)
        assert record.exchange is not None
        assert record.exchange.note == "Incorrect API key: …, or …, or …"
    [entry] = kept()
    assert (entry.note, entry.figures.error) == (record.exchange.note, record.exchange.note)
    assert not any("s3cr3t" in str(event) for event in run.events)


def test_a_place_that_cannot_be_written_costs_the_journal_alone(
    fake: FakeUpstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A read-only directory keeps nobody out who runs tests as root.
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(paths, "journal_file", lambda: tmp_path / "file" / "journal.sqlite")
    with running_engine(fake.url) as run:
        chat(run, fake, user("hi"))
        [record] = run.wait_ended(1)
        assert record.exchange is not None
        assert record.exchange.http_status == 200
        run.wait_for(lambda: run.notices("Journal"), "the notice")
        assert str(tmp_path / "file") in run.notices("Journal")[0].message


def test_a_full_disk_is_told_and_what_is_dropped_is_counted(
    fake: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(JournalFile, "write", full)
    monkeypatch.setattr("proxy_core.journal.writer.MOST_WAITING", 3)
    with running_engine(fake.url) as run:
        for number in range(6):
            chat(run, fake, user(f"number {number}"))
        run.wait_ended(6)
        run.wait_for(
            lambda: run.of(JournalChanged) and run.of(JournalChanged)[-1].state.dropped, "the dropped count"
        )
        state = httpx.get(f"{run.url}/kvconsole/journal").json()
        assert state["dropped"] == 3
        names = [record.name for record in run.prompts()]
        assert [name is None for name in names] == [False] * 3 + [True] * 3, "what is not kept has no name"
        assert run.notices("Journal")
    assert kept() == []


def test_a_record_is_found_by_its_name(run: Running, fake: FakeUpstream) -> None:
    raw = chat(run, fake, user("hi"))
    [record] = run.wait_ended(1)
    assert record.name is not None
    run.engine.stop()
    with open_journal(paths.journal_file()) as journal:
        entry = journal.get(Key.parse(record.name))
    assert entry is not None
    assert entry.bodies is not None
    assert entry.bodies.raw == raw
