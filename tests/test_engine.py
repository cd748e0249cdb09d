from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from proxy_core import paths
from proxy_core.child import Child
from proxy_core.engine import Engine, Inputs
from proxy_core.errors import ChildError, KvconsoleError, ListenError
from proxy_core.events import LogRead, Today, TodayChanged, UpstreamChanged
from proxy_core.settings import load_settings
from proxy_core.state import State, load_state, update_state
from tests.fake_upstream import FakeUpstream, fake_upstream
from tests.running import BOUND, OPENCLAW, Running, asked, free_port, running_engine

NOWHERE = "http://127.0.0.1:9"
ANSWER = b'{"timings":{"cache_n":6,"prompt_n":3,"prompt_ms":4.5,"predicted_n":1,"predicted_ms":1.0}}'
STAMPED = b'{"messages":[{"role":"user","content":"[Wed 2026-02-18 20:48 UTC] hi"}]}'
PLAIN = b'{"messages":[{"role":"user","content":"hi"}]}'


def chat(run: Running, fake: FakeUpstream) -> bytes:
    """Send one request that the time-stamp rule edits; gives the body that the upstream saw."""
    with asked(run, "POST", "/v1/chat/completions", STAMPED, OPENCLAW) as client:
        call = fake.next()
        call.answer(ANSWER)
        client.getresponse().read()
    return call.body


def stopped_within_bound(engine: Engine) -> None:
    started = time.monotonic()
    engine.stop()
    # Not a measurement: a stop that hangs ends at its own limit, with the thread still there.
    assert time.monotonic() - started < BOUND
    assert not engine._thread.is_alive()


def test_a_switched_rule_obeys_at_once_and_survives_a_restart() -> None:
    with fake_upstream() as fake:
        with running_engine(fake.url) as run:
            assert chat(run, fake) == PLAIN
            run.engine.set_rule("openclaw.timestamp", False)
            run.wait_for(lambda: chat(run, fake) == STAMPED, "the rule going off")
            record = run.prompts()[-1]
            assert run.wait_for(
                lambda: [r for r in run.prompts() if r.flipped == "timestamp off"], "the mark"
            )
            assert record.exchange is not None
            assert record.exchange.edits == ()
        with running_engine(fake.url) as run:
            assert chat(run, fake) == STAMPED
            run.engine.set_rule("openclaw.timestamp", True)
        with running_engine(fake.url) as run:
            assert chat(run, fake) == PLAIN


def test_of_two_switches_the_last_one_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    second = threading.Event()
    calls: list[Path] = []

    def slow_at_first(path: Path, change: Callable[[State], State]) -> State:
        calls.append(path)
        if len(calls) == 1:
            # Long enough for the second save to overtake, were it let.
            second.wait(0.3)
        else:
            second.set()
        return update_state(path, change)

    monkeypatch.setattr("proxy_core.engine.update_state", slow_at_first)
    with running_engine(NOWHERE) as run:
        run.engine.set_rule("openclaw.timestamp", False)
        run.engine.set_rule("openclaw.timestamp", True)
        # Leaving at once: what was asked for before the end is still saved.
    state, _ = load_state(paths.state_file())
    assert len(calls) == 2
    assert state.rules == {"openclaw.timestamp": True}


def test_an_unknown_rule_changes_nothing() -> None:
    with running_engine(NOWHERE) as run:
        run.engine.set_rule("no.such.rule", False)
        run.engine.set_theme("some-theme")
    state, _ = load_state(paths.state_file())
    assert (state.rules, state.theme) == ({}, "some-theme")
    with running_engine(NOWHERE) as run:
        assert run.engine.remembered_theme == "some-theme"


def test_bypass_is_for_this_run_only() -> None:
    with fake_upstream() as fake:
        with running_engine(fake.url) as run:
            run.engine.set_bypass(True)
            run.wait_for(lambda: chat(run, fake) == STAMPED, "the bypass")
            run.engine.set_bypass(False)
            run.wait_for(lambda: chat(run, fake) == PLAIN, "the end of the bypass")
            marks = [record.flipped for record in run.prompts() if record.flipped]
            assert marks == ["rules off", "rules on"]
        with running_engine(fake.url) as run:
            assert chat(run, fake) == PLAIN


def test_the_upstream_is_seen_going_down_and_coming_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy_core.watch._UP_SECONDS", 0.05)
    monkeypatch.setattr("proxy_core.watch._DOWN_SECONDS", 0.05)
    port = free_port()

    def states(run: Running) -> list[str]:
        return [event.upstream.state for event in run.of(UpstreamChanged)]

    with running_engine(f"http://127.0.0.1:{port}") as run:
        run.wait_for(lambda: states(run) == ["down"], "down")
        assert run.of(UpstreamChanged)[0].upstream.reason == "nobody listens there"
        with fake_upstream(port=port, props=b'{"build_info":"b11549-abc"}'):
            run.wait_for(lambda: states(run) == ["down", "up"], "up")
            assert run.of(UpstreamChanged)[-1].upstream.build == "b11549"
        run.wait_for(lambda: states(run) == ["down", "up", "down"], "down again")
        with fake_upstream(port=port):
            run.wait_for(lambda: states(run) == ["down", "up", "down", "up"], "up again")


def test_a_silent_upstream_is_not_called_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy_core.watch._TIMEOUT", 0.1)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        running_engine(f"http://127.0.0.1:{silent.getsockname()[1]}") as run,
    ):
        event = run.wait_for(lambda: run.of(UpstreamChanged), "a look at the upstream")[0]
        assert (event.upstream.state, event.upstream.reason) == ("unknown", "it did not answer in time")


def test_a_taken_port_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = {"upstream": NOWHERE, "listen": f"127.0.0.1:{port}"}
        engine = Engine(load_settings(flags, environ={}).settings, lambda _event: None)
        with pytest.raises(ListenError) as error:
            engine.start()
        assert error.value.message == (
            f"127.0.0.1:{port} is taken by another program. Stop that one, or choose another port: "
            f"--listen 127.0.0.1:{port + 1 if port < 65535 else 0}."
        )
        engine.stop()


def test_an_address_of_another_machine_is_a_sentence() -> None:
    settings = load_settings({"listen": "192.0.2.1:0"}, environ={}).settings
    with pytest.raises(ListenError, match=r"cannot listen on 192\.0\.2\.1:0: .*Choose another --listen"):
        Engine(settings, lambda _event: None).start()


def test_todays_sums_go_on_after_a_restart() -> None:
    with fake_upstream() as fake:
        for runs in (1, 2):
            with running_engine(fake.url) as run:
                chat(run, fake)
                chat(run, fake)
                run.wait_ended(2)
                wait_for_today(run, Today(requests=2 * runs, reused=12 * runs, prompt_ms=9.0 * runs))
    state, _ = load_state(paths.state_file())
    assert (state.requests, state.reused_tokens, state.prompt_ms) == (4, 24, 18.0)


def wait_for_today(run: Running, expected: Today) -> None:
    run.wait_for(lambda: [e for e in run.of(TodayChanged) if e.today == expected], f"{expected}")


def test_what_happened_right_before_the_end_is_counted_once() -> None:
    with fake_upstream() as fake:
        for _ in range(5):
            with running_engine(fake.url) as run:
                chat(run, fake)
    state, _ = load_state(paths.state_file())
    assert (state.requests, state.reused_tokens) == (5, 30)


def test_stop_cuts_an_open_stream(caplog: pytest.LogCaptureFixture) -> None:
    with fake_upstream() as fake, running_engine(fake.url) as run:
        with asked(run, "POST", "/v1/chat/completions", STAMPED, OPENCLAW) as client:
            call = fake.next()
            call.start("text/event-stream")
            answer = client.getresponse()
            call.chunk(b"data: 1\n\n")
            assert answer.read1(100) == b"data: 1\n\n"
            stopped_within_bound(run.engine)
            assert call.is_closed_by_peer()
        [record] = run.prompts()
        assert record.exchange is not None
        assert record.exchange.status == "cancelled"
        run.engine.stop()
    assert not caplog.records


def test_stop_lets_a_stream_that_is_about_to_end_finish() -> None:
    with fake_upstream() as fake, running_engine(fake.url) as run:
        with asked(run, "POST", "/v1/chat/completions", STAMPED, OPENCLAW) as client:
            call = fake.next()
            call.start("text/event-stream")
            answer = client.getresponse()
            run.engine._loop.call_soon_threadsafe(run.engine._stopping.set)
            call.chunk(b"data: [DONE]\n\n")
            call.chunk(b"")
            assert answer.read() == b"data: [DONE]\n\n"
        [record] = run.wait_ended(1)
        assert record.exchange is not None
        assert record.exchange.status == "done"


def test_a_child_is_read_and_stopped() -> None:
    code = "print('srv  init: listening', flush=True); import time; time.sleep(60)"
    child = Child([sys.executable, "-c", code])
    with running_engine(NOWHERE, child=child) as run:
        run.wait_for(lambda: run.of(LogRead), "the child's output")
        assert [line.text for line in run.of(LogRead)[0].lines] == ["srv  init: listening"]
        assert child.ended() is None
    assert (child.ended() or "").endswith(f"killed by signal {signal.SIGTERM:d}")
    # Ended on request: that is no news.
    assert not run.notices(child.name)


def test_the_last_words_of_a_child_are_told() -> None:
    words = "".join(f"print('word {number}');" for number in range(8))
    child = Child([sys.executable, "-c", f"{words}raise SystemExit(3)"])
    with running_engine(NOWHERE, child=child) as run:
        [notice] = run.wait_for(lambda: run.notices(child.name), "the notice")
        assert notice.level == "error"
        expected = "\n".join(f"word {number}" for number in range(3, 8))
        assert notice.message == f"{child.name} ended with exit code 3. Its last words:\n{expected}"


def test_a_child_that_does_not_start_leaves_nothing_behind(tmp_path: Path) -> None:
    flags = {"upstream": NOWHERE, "listen": f"127.0.0.1:{free_port()}", "log": (str(tmp_path / "a.log"),)}
    settings = load_settings(flags, environ={}).settings
    before = open_descriptors()
    for _ in range(3):
        engine = Engine(settings, lambda _event: None, Inputs(child=Child(["no-such-llama"])))
        with pytest.raises(ChildError, match="no-such-llama"):
            engine.start()
    assert open_descriptors() <= before
    # The address is free again.
    with socket.create_server((settings.listen_host, settings.listen_port)):
        pass


def open_descriptors() -> int:
    """How many this process has; always 0 where the system does not tell."""
    listing = Path("/proc/self/fd")
    return len(list(listing.iterdir())) if listing.exists() else 0


def test_a_state_that_cannot_be_read_is_a_sentence(isolated_home: Path) -> None:
    (isolated_home / "state" / "state.json").mkdir(parents=True)
    engine = Engine(load_settings({"listen": "127.0.0.1:0"}, environ={}).settings, lambda _event: None)
    with pytest.raises(KvconsoleError, match="Toggles and counters are not kept"):
        engine.start()


def test_a_broken_state_is_set_aside_and_told(isolated_home: Path) -> None:
    (isolated_home / "state").mkdir(parents=True)
    (isolated_home / "state" / "state.json").write_text("{broken")
    with running_engine(NOWHERE) as run:
        [notice] = run.wait_for(lambda: run.notices("State"), "the notice")
        assert "state.json.broken-1" in notice.message
        assert httpx.get(f"{run.url}/kvconsole/health", trust_env=False).status_code == 200
