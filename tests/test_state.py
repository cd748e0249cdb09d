from __future__ import annotations

import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.errors import KvconsoleError
from proxy_core.rules.rule import LEVELS
from proxy_core.state import State, load_state, save_state, update_state

FULL = State(
    rules={"openclaw.timestamp": False},
    level="careful",
    theme="kvconsole-light",
    day="2026-02-18",
    reused_tokens=12_000,
    prompt_ms=812.5,
    requests=7,
    logs_seen=["server.log", "-"],
)

TEXT = st.text(st.characters(codec="utf-8"))
COUNT = st.integers(0, 2**53)
STATES = st.builds(
    State,
    rules=st.dictionaries(TEXT, st.booleans()),
    level=st.none() | st.sampled_from(LEVELS),
    theme=st.none() | TEXT,
    day=TEXT,
    reused_tokens=COUNT,
    prompt_ms=st.floats(0, allow_infinity=False),
    requests=COUNT,
    logs_seen=st.lists(TEXT),
)


def _one_more(state: State) -> State:
    return msgspec.structs.replace(state, requests=state.requests + 1)


def test_a_missing_file_is_the_default_state(tmp_path: Path) -> None:
    assert load_state(tmp_path / "none" / "state.json") == (State(), None)
    assert list(tmp_path.iterdir()) == []


def test_saved_state_comes_back_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.json"
    save_state(path, FULL)
    assert load_state(path) == (FULL, None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@settings(max_examples=50, deadline=None)
@given(STATES)
def test_any_state_survives(state: State) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "state.json"
        save_state(path, state)
        assert load_state(path) == (state, None)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(), st.sampled_from([b"[" * 100_000, b'{"x":' * 50_000, b'{"theme":"\xff"}'])))
def test_any_bytes_are_read_or_kept_aside(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "state.json"
        path.write_bytes(data)
        state, message = load_state(path)
        if message is not None:
            assert state == State()
            assert path.with_name("state.json.broken-1").read_bytes() == data


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"version": 2}', '{"requests": -1}', '{"rules": {"a": "on"}}', '{"level": "reckless"}'],
)
def test_a_broken_file_is_set_aside_and_never_deleted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    (tmp_path / "state.json.broken-1").write_text("from last time")
    path.write_text(text)
    state, message = load_state(path)
    assert state == State()
    assert message is not None
    assert str(path) in message
    assert "state.json.broken-2" in message
    assert (tmp_path / "state.json.broken-2").read_text() == text
    assert (tmp_path / "state.json.broken-1").read_text() == "from last time"
    assert load_state(path) == (State(), None)


def test_update_sets_a_broken_file_aside_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.json"
    path.write_text("nonsense")
    assert update_state(path, _one_more).requests == 1
    assert (tmp_path / "state.json.broken-1").read_text() == "nonsense"
    assert "state.json.broken-1" in caplog.text


def test_a_log_name_that_is_not_utf8_does_not_stop_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    save_state(path, State(requests=3, logs_seen=["log-\udcff", "server.log"]))
    assert load_state(path) == (State(requests=3, logs_seen=["server.log"]), None)


def test_a_file_from_before_there_were_levels_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"version": 1, "rules": {"openclaw.timestamp": true}, "theme": null, "requests": 3}')
    assert load_state(path) == (State(rules={"openclaw.timestamp": True}, requests=3), None)


def test_a_new_day_starts_its_counters_at_zero() -> None:
    assert FULL.for_day("2026-02-18") == FULL
    fresh = FULL.for_day("2026-02-19")
    assert (fresh.day, fresh.reused_tokens, fresh.prompt_ms, fresh.requests) == ("2026-02-19", 0, 0.0, 0)
    assert msgspec.structs.replace(fresh, day=FULL.day) == msgspec.structs.replace(
        FULL, reused_tokens=0, prompt_ms=0.0, requests=0
    )


def test_a_failing_change_leaves_the_file_and_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    save_state(path, FULL)

    def fail(state: State) -> State:
        raise LookupError("no such rule")

    with pytest.raises(LookupError):
        update_state(path, fail)
    assert update_state(path, _one_more).requests == FULL.requests + 1


def test_threads_and_processes_lose_no_update(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    code = (
        "import sys, msgspec, pathlib\n"
        "from proxy_core.state import update_state\n"
        "for _ in range(40):\n"
        "    update_state(pathlib.Path(sys.argv[1]),\n"
        "        lambda s: msgspec.structs.replace(s, requests=s.requests + 1))\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(2)]
    threads = [
        threading.Thread(target=lambda: [update_state(path, _one_more) for _ in range(40)]) for _ in "12"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert load_state(path)[0].requests == 160
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["state.json", "state.json.lock"]


def test_input_and_output_errors_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "state.json"
    for attempt in (lambda: save_state(path, FULL), lambda: update_state(path, _one_more)):
        with pytest.raises(KvconsoleError) as caught:
            attempt()
        assert caught.value.title == "State"
        assert str(path) in caught.value.message
    (tmp_path / "directory").mkdir()
    with pytest.raises(KvconsoleError, match="directory"):
        load_state(tmp_path / "directory")
