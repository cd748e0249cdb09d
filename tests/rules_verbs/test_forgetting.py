"""`rules forget`."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest

from proxy_core import paths
from proxy_core.lanes.store import LaneStore
from tests.console_process import finished
from tests.fake_upstream import FakeUpstream, fake_upstream
from tests.rules_verbs.kit import verb
from tests.running import Running, asked, free_port

ANSWER = b'{"usage":{"prompt_tokens":9,"completion_tokens":1}}'


def keep(*lane_ids: str) -> None:
    """Conversations that an earlier kvconsole remembered."""
    store = LaneStore(paths.lanes_file())
    for number, lane_id in enumerate(lane_ids):
        seen = time.time() - 60 * number
        store.save(lane_id, "openclaw", None, b"h", b"c" * 16, seen, {("r", "k"): b"v"})
    store.close()


def kept() -> list[str]:
    store = LaneStore(paths.lanes_file())
    found = [lane.id for lane in store.load(99)]
    store.close()
    return found


@pytest.fixture
def nobody() -> str:
    """An address where no kvconsole listens."""
    return f"127.0.0.1:{free_port()}"


def test_all_is_forgotten_on_disk(nobody: str) -> None:
    keep("a", "b", "c")
    ran = verb("forget", "--yes", "--listen", nobody)
    assert (ran.code, ran.err) == (0, "")
    assert f"No kvconsole runs at http://{nobody}" in ran.out
    assert ran.out.endswith("Forgot what rules remembered of 3 conversations.\n")
    assert kept() == []
    assert verb("forget", "--yes", "--listen", nobody).out.endswith(" of 0 conversations.\n")


def test_one_is_forgotten_and_the_others_stay(nobody: str) -> None:
    keep("a", "b", "c")
    ran = verb("forget", "--lane", "b", "--yes", "--listen", nobody)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "Forgot what rules remembered of 1 conversation.")
    assert kept() == ["a", "c"]


def test_a_conversation_that_is_not_known_is_told_with_those_that_are(nobody: str) -> None:
    keep("a", "b")
    ran = verb("forget", "--lane", "z", "--yes", "--listen", nobody)
    assert ran.code == 1
    told, newest, older = ran.err.splitlines()
    assert told == "Nothing is remembered of the conversation z. The newest:"
    assert newest.startswith("  a  openclaw, ")
    assert older.startswith("  b  openclaw, 1m0")
    assert kept() == ["a", "b"]


def test_nothing_is_forgotten_unasked(nobody: str) -> None:
    keep("a")
    ran = finished("rules", "forget", "--listen", nobody)
    assert ran.returncode == 2
    assert "--yes forgets without asking" in ran.stderr
    assert kept() == ["a"]


def test_looking_for_what_to_forget_makes_no_file(nobody: str) -> None:
    assert verb("forget", "--yes", "--listen", nobody).code == 0
    assert not paths.lanes_file().exists()


def test_a_file_that_cannot_be_written_is_told(nobody: str) -> None:
    keep("a")
    paths.lanes_file().with_name("lanes.sqlite.lock").unlink()
    paths.lanes_file().with_name("lanes.sqlite.lock").mkdir()
    ran = verb("forget", "--yes", "--listen", nobody)
    assert ran.code == 2
    assert "Rule memory: " in ran.err
    assert "lanes.sqlite" in ran.err


def chat(run: Running, fake: FakeUpstream, words: str) -> None:
    """One conversation, with tools to remember the order of."""
    body = (
        f'{{"messages":[{{"role":"user","content":"{words}"}}],"tools":[{{"name":"ls"}},{{"name":"cat"}}]}}'
    )
    with asked(run, "POST", "/v1/chat/completions", body.encode()) as client:
        fake.next().answer(ANSWER)
        client.getresponse().read()


def test_a_kvconsole_that_runs_forgets_too(run: Running, fake: FakeUpstream) -> None:
    keep("of-another-kvconsole")
    chat(run, fake, "One")
    chat(run, fake, "Another")
    run.wait_ended(2)
    ran = verb("forget", "--yes", "--listen", f"127.0.0.1:{run.engine.port}")
    assert (ran.code, ran.out) == (0, "Forgot what rules remembered of 3 conversations.\n")
    assert kept() == []
    with sqlite3.connect(paths.lanes_file()) as db:
        assert db.execute("SELECT count(*) FROM memory").fetchone() == (0,)
    again = verb("forget", "--yes", "--listen", f"127.0.0.1:{run.engine.port}")
    assert again.out == "Forgot what rules remembered of 0 conversations.\n"


def other_program(status: str) -> tuple[int, str, list[str]]:
    """`forget` where another program listens, which answers with `status`: code, output, and what is kept."""
    keep("a")
    with fake_upstream() as other:

        def answer() -> None:
            other.next().answer(b"{}", status=status)

        answering = threading.Thread(target=answer)
        answering.start()
        ran = verb("forget", "--yes", "--listen", other.url.removeprefix("http://"))
        answering.join()
    return ran.code, ran.out + ran.err, kept()


def test_another_program_at_the_address_is_no_kvconsole() -> None:
    code, told, left = other_program("404 Not Found")
    assert (code, left) == (0, [])
    assert "No kvconsole runs at" in told


def test_a_kvconsole_that_fails_to_forget_is_told() -> None:
    code, told, left = other_program("500 Internal Server Error")
    assert (code, left) == (2, ["a"])
    assert "did not forget" in told
    assert "--listen" in told
