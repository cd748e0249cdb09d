"""`kvconsole doctor` on setups that run, and on some that do not."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from click.testing import CliRunner

from console.cli import cli
from console.doctor import report
from proxy_core import paths
from proxy_core.checkup.findings import Finding
from tests.checkup.test_who import Pages, pages
from tests.console_process import finished, serving
from tests.real_llama import LlamaFactory, LlamaServer
from tests.running import free_port, running_engine


class Told(NamedTuple):
    """How a run ended, and what it found."""

    code: int
    findings: list[dict[str, Any]]

    def level(self, area: str, name: str) -> str | None:
        """Of the first such finding."""
        return next((f["level"] for f in self.findings if (f["area"], f["name"]) == (area, name)), None)

    def text(self, area: str, name: str) -> str:
        """What it saw and what to do."""
        return next(f"{f['saw']} {f['do']}" for f in self.findings if (f["area"], f["name"]) == (area, name))

    @property
    def problems(self) -> list[tuple[str, str]]:
        """What is wrong."""
        return [(f["area"], f["name"]) for f in self.findings if f["level"] == "problem"]


def doctor(*args: str | Path) -> Told:
    """Run `kvconsole doctor --json ARGS` in this process."""
    ran = CliRunner().invoke(cli, ["doctor", "--json", *map(str, args)])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return Told(ran.exit_code, json.loads(ran.stdout))


def nobody() -> str:
    return f"127.0.0.1:{free_port()}"


def chat(url: str, words: str, **more: object) -> None:
    """One request that the model answers."""
    body = {"max_tokens": 2, "messages": [{"role": "user", "content": words}], **more}
    answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text


@pytest.fixture
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client's variables of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith(("OPENAI_", "ANTHROPIC_"))]:
        monkeypatch.delenv(name)


pytestmark = pytest.mark.usefixtures("quiet_environment")


@pytest.fixture
def trace(llama_factory: LlamaFactory) -> LlamaServer:
    """A server of its own with two slots that logs all there is."""
    return llama_factory(parallel=2, verbosity=4)


def test_all_is_well(trace: LlamaServer) -> None:
    with running_engine(trace.url, log=(trace.log_path,)) as run:
        for turn in range(3):
            chat(run.url, f"turn {turn}")
        run.wait_ended(3)
        told = doctor("--listen", f"127.0.0.1:{run.engine.port}")
    assert (told.code, told.problems) == (0, [])
    for area, name in [
        ("server", "reachable"),
        ("server", "verbosity"),
        ("server", "template clock"),
        ("cache", "slots"),
        ("cache", "host cache"),
        ("cache", "context"),
        ("log", "readable"),
        ("log", "whose"),
        ("log", "moving"),
        ("proxy", "listen"),
        ("proxy", "version"),
        ("proxy", "forwards"),
        ("clients", "traffic"),
        ("rules", "on"),
        ("rules", "stale"),
        ("files", "access"),
    ]:
        assert told.level(area, name) == "ok", told.text(area, name)


def test_nothing_runs() -> None:
    upstream = nobody()
    told = doctor("--upstream", f"http://{upstream}", "--listen", nobody())
    assert (told.code, told.problems) == (1, [("server", "reachable")])
    assert upstream in told.text("server", "reachable")
    assert told.level("proxy", "listen") == "hint"
    assert told.level("log", "given") == "hint"


def test_a_server_without_kvconsole(llama: LlamaServer) -> None:
    told = doctor("--upstream", llama.url, "--listen", nobody(), "--log", llama.log_path)
    assert (told.code, told.problems) == (0, [])
    assert told.level("log", "whose") == "ok"
    assert "-lv 4" in told.text("server", "verbosity")


def test_the_log_is_not_named_but_known(llama: LlamaServer) -> None:
    told = doctor("--upstream", llama.url, "--listen", nobody())
    assert f"kvconsole --log {llama.log_path.resolve()}" in told.text("log", "given")


def test_the_log_of_another_server(llama_factory: LlamaFactory) -> None:
    one, other = llama_factory(), llama_factory()
    told = doctor("--upstream", one.url, "--listen", nobody(), "--log", other.log_path)
    # The demo's server runs inside Python, whose arguments tell nothing; the log itself names its address.
    assert told.level("log", "whose") == "hint"
    assert other.url.rpartition(":")[2] in told.text("log", "whose")


def test_a_log_that_does_not_move(llama: LlamaServer, tmp_path: Path) -> None:
    still = tmp_path / "still.log"
    still.write_bytes(llama.log_path.read_bytes())
    os.utime(still, (time.time() - 3600, time.time() - 3600))
    with running_engine(llama.url, log=(still,)) as run:
        chat(run.url, "hello")
        run.wait_ended(1)
        told = doctor("--listen", f"127.0.0.1:{run.engine.port}")
    assert ("log", "moving") in told.problems
    assert told.code == 1


def test_a_log_that_is_not_there(llama: LlamaServer, tmp_path: Path) -> None:
    told = doctor("--upstream", llama.url, "--listen", nobody(), "--log", tmp_path / "none.log")
    assert told.problems == [("log", "readable")]


def test_more_conversations_than_slots_and_no_host_cache(llama_factory: LlamaFactory) -> None:
    server = llama_factory(parallel=1, cache_ram=0, verbosity=4)
    with running_engine(server.url, log=(server.log_path,)) as run:
        for name in ("red", "blue"):
            talk = [{"role": role, "content": f"{name} {role}"} for role in ("user", "assistant", "user")]
            chat(run.url, name, messages=talk)
        run.wait_ended(2)
        told = doctor("--listen", f"127.0.0.1:{run.engine.port}")
    assert ("cache", "slots") in told.problems
    assert "-np 2" in told.text("cache", "slots")


def test_a_client_that_goes_past(llama: LlamaServer) -> None:
    with running_engine(llama.url, log=(llama.log_path,)) as run:
        run.wait_for(lambda: run.events, "the start")
        # Only what comes while kvconsole follows the log is known to be new.
        time.sleep(0.5)
        chat(llama.url, "direct")
        run.wait_for(lambda: any(r.at and not r.exchange for r in run.records().values()), "a direct turn")
        told = doctor("--listen", f"127.0.0.1:{run.engine.port}")
    assert told.problems == [("clients", "traffic")]
    assert run.url in told.text("clients", "traffic")


def test_llama_server_where_kvconsole_should_listen(llama: LlamaServer) -> None:
    told = doctor("--listen", llama.url.removeprefix("http://"), "--upstream", f"http://{nobody()}")
    assert ("proxy", "listen") in told.problems
    assert "llama-server itself" in told.text("proxy", "listen")


def test_the_same_address_twice(llama: LlamaServer) -> None:
    told = doctor("--listen", llama.url.removeprefix("http://"), "--upstream", llama.url)
    assert told.problems == [("server", "reachable")]
    assert "forward to itself" in told.text("server", "reachable")


def test_a_stranger_where_kvconsole_should_listen(llama: LlamaServer) -> None:
    with pages({}) as url:
        told = doctor("--listen", url.removeprefix("http://"), "--upstream", llama.url)
    assert told.problems == [("proxy", "listen")]


@pytest.mark.parametrize(
    ("known", "level", "words"),
    [
        ({"/health": (503, {})}, "hint", "loading"),
        ({"/health": (200, {}), "/props": (401, {})}, "unknown", "API key"),
        ({"/health": (200, {}), "/props": (200, {"role": "router"})}, "ok", "answers"),
        ({"/": (200, b"Ollama is running")}, "hint", "Ollama"),
    ],
)
def test_other_upstreams(known: Pages, level: str, words: str) -> None:
    server = "" if "/" in known else "llama.cpp"
    with pages(known, server=server) as url:
        told = doctor("--upstream", url, "--listen", nobody())
    assert told.level("server", "reachable") == level
    assert words in told.text("server", "reachable")
    assert told.code == 0


def test_a_clock_in_the_template() -> None:
    props = {"total_slots": 1, "chat_template": "{{ strftime_now('%H:%M') }}{{ messages }}"}
    with pages({"/health": (200, {}), "/props": (200, props)}, server="llama.cpp") as url:
        told = doctor("--upstream", url, "--listen", nobody())
    assert told.problems == [("server", "template clock")]


def test_an_old_kvconsole_that_runs(llama: LlamaServer) -> None:
    with pages({"/kvconsole/version": (200, {"kvconsole": "0.0.1"})}) as url:
        told = doctor("--listen", url.removeprefix("http://"), "--upstream", llama.url)
    assert told.problems == []
    assert "kvconsole 0.0.1 runs" in told.text("proxy", "version")


def test_files_of_ones_own(llama: LlamaServer) -> None:
    paths.rules_dir().mkdir(parents=True)
    (paths.rules_dir() / "mine.toml").write_text("[[rule]]\nid = 7\n")
    paths.state_dir().mkdir(parents=True, mode=0o700)
    paths.state_file().write_text("{}")
    paths.state_file().chmod(0o644)
    told = doctor("--upstream", llama.url, "--listen", nobody())
    assert told.problems == [("rules", "files"), ("files", "access")]
    assert "chmod 600" in told.text("files", "access")


def test_variables_of_clients(llama: LlamaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", llama.url)
    told = doctor("--upstream", llama.url, "--listen", nobody())
    assert told.problems == [("clients", "environment")]


def test_a_process_of_its_own_in_plain_text(trace: LlamaServer, tmp_path: Path) -> None:
    where = ("--upstream", trace.url, "--log", str(trace.log_path))
    with serving(tmp_path, "serve", *where) as running:
        listen = ("--listen", running.url.removeprefix("http://"))
        chat(running.url, "hello")
        ran = finished("doctor", *where, *listen)
        asked_again = finished(*where, *listen, "doctor", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0] == "Server"
    assert lines[-1].startswith("No problem, ")
    assert any(line.startswith("  ✓ ok       reachable  ") for line in lines)
    # Paths stay whole.
    assert all(len(line) <= 110 or str(tmp_path.parent) in line for line in lines)
    assert {"area", "name", "level", "saw", "do"} == set(json.loads(asked_again.stdout)[0])


def test_a_terminal_of_another_alphabet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    ran = finished("doctor", "--upstream", f"http://{nobody()}", "--listen", nobody())
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "problem  reachable" in ran.stdout


@pytest.mark.parametrize(
    "args", [("--upstream", "nonsense"), ("--config", "/nowhere.toml"), ("--bogus",), ("extra",)]
)
def test_misuse(args: tuple[str, ...]) -> None:
    ran = finished("doctor", *args)
    assert ran.returncode == 2
    assert ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_stranger_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy_core.checkup.asking._SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        told = doctor("--upstream", f"http://{address}", "--listen", nobody())
    assert told.problems == [("server", "reachable")]
    assert "takes connections" in told.text("server", "reachable")


_PATH = f"/a/very/long/path-{'x' * 90}/server.log"
_FINDINGS = [
    Finding("server", "reachable", "ok", "It is there."),
    Finding("log", "moving", "problem", f"{'word ' * 30}{_PATH}", "Do it."),
    Finding("log", "whose", "unknown", "One line.\nAnother one."),
]


def test_the_report_is_aligned_and_keeps_paths_whole() -> None:
    lines = list(report(_FINDINGS, 80))
    assert lines[0:2] == ["Server", "  ✓ ok       reachable  It is there."]
    start = lines[1].index("It is")
    assert any(_PATH in line for line in lines)
    assert f"{' ' * start}→ Do it." in lines
    assert f"{' ' * start}Another one." in lines
    assert lines[-1] == "1 problem, 0 hints, 1 fine, 1 not known."


@pytest.mark.parametrize("columns", [0, 20, 80, 400])
def test_any_width(columns: int) -> None:
    width = min(110, max(60, columns))
    assert all(len(line) <= width or _PATH in line for line in report(_FINDINGS, columns))


def test_no_findings() -> None:
    assert list(report([], 80)) == ["No problem, 0 hints, 0 fine."]
