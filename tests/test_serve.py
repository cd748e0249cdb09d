"""`kvconsole serve` and `kvconsole run --headless` as processes, on a real llama-server."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from console.demo.conversation import requests
from console.demo.openclaw_wire import Api, Request
from console.demo.server import server_command
from console.serve import Printer
from proxy_core.events import RulesChanged
from proxy_core.rules import RuleSet, shipped_rules
from tests.console_process import (
    BOUND,
    COMMAND,
    Serving,
    cut,
    endless_stream,
    finished,
    gone,
    has_ended,
    serving,
    slot_is_free,
)
from tests.real_llama import LlamaFactory, LlamaServer
from tests.running import free_port

_START = datetime(2026, 2, 18, 20, 48, tzinfo=UTC)
_OTHERS = r"(?: \| [a-z-]+\.[a-z-]+=\d+)*"
_LINE = re.compile(
    r"POST (?P<path>\S+) \| items=(?P<items>\d+)"
    r" \| ts_removed=(?P<stamps>\d+) \| msg_ids_removed=(?P<ids>\d+)"
    r" \| items_modified=(?P<modified>\d+) \| stream=(?P<stream>True|False)"
    rf"{_OTHERS} \| openclaw\.message-id=(?P<id_edits>\d+)"
    rf"{_OTHERS} \| openclaw\.timestamp=(?P<stamp_edits>\d+){_OTHERS}"
    r" \| reused=(?P<reused>\d+)/(?P<tokens>\d+)(?: \| sim=(?P<sim>\d\.\d{3}))?"
    r" \| prompt_ms=\d+ \| total_ms=\d+(?: \| verdict=[^|]+)?(?: \| (?:lost|saved)=\d+)* \| done 200"
)
_FROM_HUP = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
    "os.execv(sys.executable, [sys.executable, '-m', 'console', *sys.argv[1:]])",
)


def _play(url: str, played: list[Request]) -> None:
    with httpx.Client(base_url=url, timeout=BOUND, trust_env=False) as client:
        for request in played:
            client.post(request.path, content=request.body, headers=request.headers).raise_for_status()


def _listens(running: Serving) -> bool:
    return httpx.get(f"{running.url}/kvconsole/health", timeout=BOUND, trust_env=False).status_code == 200


def _pid(file: Path) -> int:
    deadline = time.monotonic() + BOUND
    while not (file.exists() and file.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(file.read_text())


def _items(request: Request) -> int:
    body = json.loads(request.body)
    return len(body["input"] if "input" in body else body["messages"])


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
def test_a_line_for_each_request(llama_factory: LlamaFactory, tmp_path: Path, api: Api, stream: bool) -> None:
    server = llama_factory()
    played = list(requests(api, turns=2, stream=stream, start=_START))
    with serving(tmp_path, "serve", "--upstream", server.url, "--log", str(server.log_path)) as running:
        _play(running.url, played)
        lines = running.wait_for_lines("POST", len(played))
        assert running.end(signal.SIGTERM) == 0
        assert lines == [line for line in running.output.splitlines() if line.startswith("POST")]
    found = [_LINE.fullmatch(line) for line in lines]
    for number, (request, line) in enumerate(zip(played, found, strict=True)):
        assert line is not None, lines[number]
        assert line["path"] == request.path
        assert int(line["items"]) == _items(request)
        assert line["stream"] == str(stream)
        # Each person's message carries a stamp and an id; the system prompt an id of the newest one.
        assert line["stamps"] == line["stamp_edits"] == str(request.turn)
        assert int(line["ids"]) == int(line["id_edits"]) > request.turn
        system_is_an_item = api != "messages"
        assert int(line["modified"]) == request.turn + system_is_an_item
        if number:
            assert int(line["reused"]) / int(line["tokens"]) > 0.95
            assert float(line["sim"]) > 0.95


def test_a_line_without_a_log_has_the_answers_figures(llama: LlamaServer, tmp_path: Path) -> None:
    played = list(requests("chat", turns=1, start=_START))
    with serving(tmp_path, "serve", "--upstream", llama.url) as running:
        _play(running.url, played)
        (line,) = running.wait_for_lines("POST", 1)
    found = _LINE.fullmatch(line)
    assert found is not None, line
    assert found["sim"] is None


def test_no_rules_removes_nothing(llama: LlamaServer, tmp_path: Path) -> None:
    played = list(requests("chat", turns=1, start=_START))
    with serving(tmp_path, "serve", "--no-rules", "--upstream", llama.url) as running:
        _play(running.url, played)
        (line,) = running.wait_for_lines("POST", 1)
    assert "items=2 | ts_removed=0 | msg_ids_removed=0 | items_modified=0 | stream=True | reused=" in line


def test_requests_without_a_prompt_have_a_line_too(llama: LlamaServer, tmp_path: Path) -> None:
    with serving(tmp_path, "serve", "--upstream", llama.url) as running:
        httpx.get(f"{running.url}/props?x=1", timeout=BOUND, trust_env=False)
        (line,) = running.wait_for_lines("GET", 1)
    assert re.fullmatch(r"GET /props\?x=1 \| total_ms=\d+ \| done 200", line)


def test_an_upstream_that_is_down_is_told_once_and_in_each_line(tmp_path: Path) -> None:
    upstream = f"http://127.0.0.1:{free_port()}"
    with serving(tmp_path, "serve", "--upstream", upstream) as running:
        running.wait_for(rf"^upstream {upstream} is down \(nobody listens there\)$")
        body = {"messages": [{"role": "user", "content": "Hi"}]}
        answer = httpx.post(f"{running.url}/v1/chat/completions", json=body, timeout=BOUND, trust_env=False)
        assert answer.status_code == 502
        (line,) = running.wait_for_lines("POST", 1)
        assert " | error 502 | kvconsole cannot reach llama-server at " in line
        assert running.end(signal.SIGTERM) == 0
        assert running.output.count("is down") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_cuts_open_streams_and_ends_well(
    llama_factory: LlamaFactory, tmp_path: Path, number: signal.Signals
) -> None:
    server = llama_factory()
    with serving(tmp_path, "serve", "--upstream", server.url) as running:
        with endless_stream(running.url) as chunks:
            assert running.end(number) == 0
            assert cut(chunks)
        (line,) = running.wait_for_lines("POST", 1)
        assert line.endswith(" | cancelled 200")
        assert "Traceback" not in running.output
    assert slot_is_free(server.url)


def test_a_hangup_that_is_ignored_from_the_start_stays_ignored(tmp_path: Path) -> None:
    with serving(tmp_path, "serve", before=_FROM_HUP) as running:
        assert _listens(running)
        running.process.send_signal(signal.SIGHUP)
        assert _listens(running)
        assert running.end(signal.SIGTERM) == 0


def test_it_goes_on_when_nobody_reads_its_lines(llama: LlamaServer) -> None:
    port = free_port()
    command = [*COMMAND, "serve", "--listen", f"127.0.0.1:{port}", "--upstream", llama.url]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            assert b"listens on" in process.stderr.readline()
            process.stderr.close()
            for _ in range(3):
                answer = httpx.get(f"http://127.0.0.1:{port}/health", timeout=BOUND, trust_env=False)
                assert answer.status_code == 200
        finally:
            process.terminate()
        assert process.wait(BOUND) == 0


def test_run_starts_reads_and_stops_the_server(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f'echo $$ > "{pid_file}"; exec "$@"'
    child = ["sh", "-c", script, "sh", *server_command(free_port())]
    played = list(requests("chat", turns=2, start=_START))
    with serving(tmp_path, "run", "--headless", "--", *child) as running:
        running.wait_for(r"^upstream http://127\.0\.0\.1:\d+ is up$")
        _play(running.url, played)
        lines = running.wait_for_lines("POST", len(played))
        with endless_stream(running.url) as chunks:
            assert running.end(signal.SIGTERM) == 0
            assert cut(chunks)
    found = _LINE.fullmatch(lines[-1])
    assert found is not None, lines[-1]
    # Only the server's own output tells the similarity.
    assert float(found["sim"]) > 0.95
    assert gone(_pid(pid_file))


def test_run_stops_what_a_start_script_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f'sleep 300 & echo $! > "{pid_file}"; wait'
    with serving(tmp_path, "run", "--headless", "--", "sh", "-c", script) as running:
        pid = _pid(pid_file)
        assert not has_ended(pid)
        assert running.end(signal.SIGTERM) == 0
    assert gone(pid)


def test_run_stops_a_server_that_does_not_want_to(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    stubborn = (
        "import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "open(sys.argv[1], 'w').write(f'{os.getpid()}\\n'); time.sleep(300)"
    )
    child = [sys.executable, "-c", stubborn, str(pid_file)]
    with serving(tmp_path, "run", "--headless", "--", *child) as running:
        pid = _pid(pid_file)
        assert running.end(signal.SIGTERM) == 0
    assert gone(pid)


def test_a_server_that_cannot_be_started_is_misuse(tmp_path: Path) -> None:
    plain = tmp_path / "llama-server"
    plain.write_text("no program")
    for program, told in ((tmp_path / "none", "There is no program"), (plain, "Permission denied")):
        ran = finished("--listen", "127.0.0.1:0", "run", "--headless", "--", str(program))
        assert ran.returncode == 2
        assert ran.stderr.startswith("Server did not start: ")
        assert told in ran.stderr
        assert str(program) in ran.stderr


def test_the_last_words_of_a_server_that_dies(tmp_path: Path) -> None:
    script = "echo loading model; printf 'error: \\007no such model\\n' >&2; exit 3"
    with serving(tmp_path, "run", "--headless", "--", "sh", "-c", script) as running:
        # Whoever supervises it is told by the exit code, and can start both again.
        assert running.process.wait(BOUND) == 1
        words = "Its last words:\nloading model\nerror: ␇no such model\n"
        assert f"error: sh: sh ended with exit code 3. {words}" in running.output


def test_a_level_above_safe_and_stale_rules_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    rules = tuple(shipped_rules())
    printer = Printer(wait_for_log=False)
    safe, careful = RuleSet.of(rules, {}), RuleSet.of(rules, {}, "careful")
    stale = frozenset({"openclaw.message-id"})
    printer.take(RulesChanged(safe))
    assert capsys.readouterr().err == ""
    for event in (
        RulesChanged(careful),
        RulesChanged(careful, stale=stale),
        RulesChanged(careful, stale=stale),
    ):
        printer.take(event)
    level, warning = capsys.readouterr().err.splitlines()
    assert level == f"rules: level careful, {len(careful.enabled)} of {len(rules)} on"
    assert warning.startswith("warning: Rules: openclaw.message-id found nothing in 20 requests")
    printer.take(RulesChanged(careful))
    printer.take(RulesChanged(careful.toggled("openclaw.message-id", False), stale=stale))
    assert capsys.readouterr().err == ""
    printer.take(RulesChanged(careful, stale=stale))
    assert "openclaw.message-id" in capsys.readouterr().err, "stale again"
