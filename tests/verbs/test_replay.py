"""`kvconsole replay` on real servers: what is reused never depends on the machine."""

from __future__ import annotations

import csv
import io
import json
import signal
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from console.cli import cli
from console.verbs.replay.as_csv import COLUMNS
from proxy_core.captures import jsonl
from proxy_core.captures.captured import Captured
from proxy_core.errors import KvconsoleError
from proxy_core.study.steps import steps
from tests.console_process import BOUND, COMMAND, finished
from tests.fake_upstream import fake_upstream
from tests.real_llama import LlamaFactory, LlamaServer
from tests.running import free_port, running_engine
from tests.study.test_steps import RULES, captured


def _file(folder: Path, requests: Sequence[Captured], name: str = "capture.jsonl") -> str:
    path = folder / name
    path.write_bytes(b"".join(jsonl.line(one) for one in requests))
    return str(path)


def _run(*args: str) -> Result:
    return CliRunner().invoke(cli, ["replay", *args], catch_exceptions=False)


def _json(*args: str, code: int = 0) -> dict[str, Any]:
    ran = _run(*args, "--json")
    assert ran.exit_code == code, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


@pytest.mark.parametrize("slots", [1, 4])
def test_rules_keep_what_raw_prompts_lose(llama_factory: LlamaFactory, tmp_path: Path, slots: int) -> None:
    server = llama_factory(parallel=slots, ctx=131072, threads=1)
    source = _file(tmp_path, captured("openclaw-c"))
    told = _json(source, "--upstream", server.url, "--rounds", "2")
    assert told["replay"]["complete"]
    assert told["server"]["slots"] == slots
    assert told["rules"]["edits"]["openclaw.message-id"] > 0
    (one,) = told["conversations"]
    assert (one["client"], one["api"], len(one["turns"])) == ("openclaw", "chat", 7)
    rounds = [
        (turn["turn"], arm, got)
        for turn in one["turns"]
        for arm in ("raw", "normalized")
        for got in turn[arm]["rounds"]
    ]
    assert len(rounds) == 28
    # Cold in each arm of each round, whatever was played before.
    assert all(got["cold"] and got["reused"] < 16 for turn, _, got in rounds if turn == 1)
    assert told["warnings"] == []
    for turn, arm, got in rounds:
        assert got["tokens"] == got["reused"] + got["evaluated"]
        assert (got["shared"] is None) == (turn == 1)
        if turn > 1:
            # What both prompts begin with is what was reused, counted and measured.
            assert got["reused"] == got["shared"], (turn, arm)
    lost = [turn["turn"] for turn in one["turns"][1:] if turn["raw"]["sim"] < 0.5]
    assert len(lost) == 3
    assert all(turn["normalized"]["sim"] > 0.9 for turn in one["turns"][1:])
    medians = told["medians"]
    assert medians["turns"] == 6
    assert medians["normalized"]["reused"] > 0.9 * medians["normalized"]["tokens"]
    assert medians["raw"]["reused"] < 0.7 * medians["raw"]["tokens"]
    assert medians["ratio"] == medians["raw"]["ms"] / medians["normalized"]["ms"]


@pytest.mark.parametrize(
    ("case", "api", "clock"),
    [("openclaw-c-messages", "messages", "answer"), ("openclaw-c-responses", "responses", "prompt")],
)
def test_the_other_apis(llama: LlamaServer, tmp_path: Path, case: str, api: str, clock: str) -> None:
    told = _json(_file(tmp_path, captured(case)), "--upstream", llama.url, "--limit", "3")
    (one,) = told["conversations"]
    assert (one["api"], told["replay"]["complete"]) == (api, True)
    assert told["left_out"] == ["4 requests beyond --limit"]
    for turn in one["turns"]:
        for arm in ("raw", "normalized"):
            assert turn[arm]["ms_of"] == clock
            (got,) = turn[arm]["rounds"]
            # Figures of messages count one token less as reused where all but the last one is.
            assert turn["turn"] == 1 or abs(got["reused"] - got["shared"]) <= 1
    assert one["turns"][1]["raw"]["sim"] < 0.5 < one["turns"][1]["normalized"]["sim"]


def test_a_stamp_that_llama_server_masks_by_itself_is_still_masked(
    llama: LlamaServer, tmp_path: Path
) -> None:
    told = _json(_file(tmp_path, captured("claude-code-old")), "--upstream", llama.url, "--limit", "2")
    (turn,) = told["conversations"][0]["turns"][1:]
    assert turn["raw"]["reused"] > 0.9 * turn["raw"]["tokens"]


def test_rows_of_csv_are_the_prompts_that_were_sent(llama: LlamaServer, tmp_path: Path) -> None:
    source = _file(tmp_path, captured("openclaw-c"))
    target = tmp_path / "replay.csv"
    common = (source, "--upstream", llama.url, "--limit", "2")
    ran = _run(*common, "--csv", str(target))
    assert ran.exit_code == 0
    assert "normalized" in ran.stdout
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    found = list(csv.DictReader(io.StringIO(target.read_text(encoding="utf-8"))))
    assert tuple(found[0]) == COLUMNS
    assert [(row["arm"], row["turn"]) for row in found] == [
        ("raw", "1"),
        ("raw", "2"),
        ("normalized", "1"),
        ("normalized", "2"),
    ]
    assert all(int(row["tokens"]) == int(row["reused"]) + int(row["evaluated"]) for row in found)
    assert [row["cold"] for row in found] == ["true", "", "true", ""]
    # The next one may take its place, and standard output holds rows alone.
    ran = _run(*common, "--csv", str(target), "--rounds", "2")
    assert (ran.exit_code, len(target.read_text(encoding="utf-8").splitlines())) == (0, 9)
    ran = _run(*common, "--csv", "-")
    assert len(list(csv.DictReader(io.StringIO(ran.stdout)))) == 4


def test_a_conversation_is_called_the_same_whatever_is_chosen(llama: LlamaServer, tmp_path: Path) -> None:
    source = _file(tmp_path, captured("two-sessions"))
    *_, last = steps(captured("two-sessions"), RULES)
    assert last.lane is not None
    ran = _run(source, "--upstream", llama.url, "--lane", last.lane, "--last", "2", "--json")
    (found,) = json.loads(ran.stdout)["conversations"]
    assert (found["conversation"], found["requests"]) == (last.lane, 2)


def test_a_table_of_80_columns(llama: LlamaServer, tmp_path: Path) -> None:
    ran = _run(_file(tmp_path, captured("openclaw-c")), "--upstream", llama.url)
    assert ran.exit_code == 0
    table = [line for line in ran.stdout.splitlines() if line[:6].strip() in {*"1234567", "turn", "median"}]
    assert len(table) == 9
    assert all(len(line) == len(table[0]) <= 80 for line in table)
    assert table[1].endswith("cold")
    assert table[2].endswith("×")


def test_a_prompt_that_is_refused_is_told_and_the_others_are_measured(
    llama_factory: LlamaFactory, tmp_path: Path
) -> None:
    requests = captured("openclaw-c")[:3]
    long = json.loads(requests[1].body)
    long["messages"][-1]["content"][0]["text"] += " and more" * 20_000
    requests[1] = msgspec.structs.replace(requests[1], body=json.dumps(long).encode())
    server = llama_factory(ctx=16384, threads=1)
    source = _file(tmp_path, requests)
    told = _json(source, "--upstream", server.url, code=1)
    (one,) = told["conversations"]
    assert not told["replay"]["complete"]
    failed = [turn["raw"]["rounds"][0] for turn in one["turns"] if turn["raw"]["tokens"] is None]
    assert [got["status"] for got in failed] == [400]
    assert "exceed" in failed[0]["problem"]
    assert told["medians"]["turns"] == 1
    # What came behind it is compared with what the slot still held.
    third = one["turns"][2]["raw"]["rounds"][0]
    assert third["reused"] == third["shared"] > 0
    ran = _run(source, "--upstream", server.url)
    assert ran.exit_code == 1
    assert "turn 2, raw: 400: " in ran.stdout
    assert "failed" in ran.stdout


def test_an_upstream_that_cannot_be_played_at(tmp_path: Path) -> None:
    source = _file(tmp_path, captured("openclaw-c"))
    url = f"http://127.0.0.1:{free_port()}"
    ran = finished("replay", source, "--upstream", url)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"Replay: {url} cannot be reached: nobody listens there.")
    with fake_upstream() as fake, running_engine(fake.url) as running:
        ran = finished("replay", source, "--upstream", running.url)
    assert ran.returncode == 2
    assert "answers kvconsole" in ran.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "Missing option '--upstream'"),
        (("--upstream", "http://127.0.0.1:1/v1"), "without /v1"),
        (("--upstream", "http://127.0.0.1:1", "--api-key-env", "KVC_NO_SUCH"), "KVC_NO_SUCH is not set"),
        (("--upstream", "http://127.0.0.1:1", "--csv", "-", "--json"), "both want standard output"),
        (("--upstream", "http://127.0.0.1:1", "--csv", "{source}"), "is the capture itself"),
        (("--upstream", "http://127.0.0.1:1", "--csv", "{folder}"), "is a directory"),
        (("--upstream", "http://127.0.0.1:1", "--csv", "{folder}/x/y"), "its directory is not there"),
        (("--upstream", "http://127.0.0.1:1", "--csv", "{folder}/notes"), "holds something else"),
        (("--upstream", "nonsense"), "must begin with http"),
        (("--upstream", "http://127.0.0.1:1", "--rounds", "0"), "--rounds"),
        (("--upstream", "http://127.0.0.1:1", "--rules", "no.such"), "no.such"),
    ],
)
def test_misuse_is_told_before_anything_is_asked(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    source = _file(tmp_path, captured("openclaw-c")[:2])
    before = Path(source).read_bytes()
    (tmp_path / "notes").write_text("mine", encoding="utf-8")
    typed = [arg.format(source=source, folder=tmp_path) for arg in args]
    ran = CliRunner().invoke(cli, ["replay", source, *typed])
    if isinstance(ran.exception, KvconsoleError):
        assert said in ran.exception.message
    else:
        assert ran.exit_code == 2
        assert said in ran.stderr
    assert Path(source).read_bytes() == before
    assert (tmp_path / "notes").read_text(encoding="utf-8") == "mine"


def test_nothing_to_play(tmp_path: Path) -> None:
    requests = captured("openclaw-c")
    broken = msgspec.structs.replace(requests[0], body=b'{"messages":7}')
    cases = [
        ([requests[0]], (), "fewer"),
        (requests, ("--lane", "c9"), "there is no conversation c9, but c1"),
        ([broken], (), "no request has a prompt that can be read"),
        (requests, ("--limit", "2", "--last", "1"), "fewer"),
    ]
    with fake_upstream() as fake:
        for found, args, said in cases:
            ran = _run(_file(tmp_path, found), "--upstream", fake.url, *args)
            assert (ran.exit_code, ran.stdout) == (1, "")
            assert ran.stderr.startswith("Nothing to play: ")
            assert said in ran.stderr


def test_what_was_played_is_printed_after_ctrl_c(tmp_path: Path) -> None:
    source = _file(tmp_path, captured("openclaw-c"))
    timings = {"cache_n": 0, "prompt_n": 100, "prompt_ms": 5.0}
    with fake_upstream() as fake:
        command = [*COMMAND, "replay", source, "--upstream", fake.url, "--json"]
        # A process that was started in the background may have been told to pass over the signal.
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=_heeds_ctrl_c
        ) as process:
            prompts = 0
            while prompts < 2:
                call = fake.next()
                prompts += call.method == "POST"
                if prompts == 2:
                    process.send_signal(signal.SIGINT)
                elif call.method == "POST":
                    call.answer(json.dumps({"timings": timings}).encode())
                else:
                    call.answer(b"{}", status="404 Not Found")
            stdout, stderr = process.communicate(timeout=BOUND)
            call.done.set()
    assert (process.returncode, stderr) == (130, b"")
    told = json.loads(stdout)
    assert (told["replay"]["played"], told["replay"]["complete"]) == (1, False)
    assert told["conversations"][0]["turns"][0]["raw"]["rounds"][0]["evaluated"] == 100
    assert "interrupted" in told["warnings"][0]


def _heeds_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_foreign_text_does_no_harm(llama: LlamaServer, tmp_path: Path) -> None:
    evil = "\x1b[31mred[/red]\n\u202e"
    requests = [msgspec.structs.replace(one, lane=evil) for one in captured("openclaw-c")[:2]]
    ran = _run(_file(tmp_path, requests), "--upstream", llama.url)
    assert ran.exit_code == 0
    assert "␛[31mred[/red]␊‹202E›: openclaw, chat" in ran.stdout
    assert "\x1b" not in ran.stdout


def test_a_server_behind_a_key(monkeypatch: pytest.MonkeyPatch, llama: LlamaServer, tmp_path: Path) -> None:
    """The key reaches the server, and nothing that is printed."""
    monkeypatch.setenv("KVC_TEST_KEY", "s3cret-key")
    ran = _run(
        _file(tmp_path, captured("openclaw-c")[:2]),
        "--upstream",
        llama.url,
        "--api-key-env",
        "KVC_TEST_KEY",
        "--json",
    )
    assert ran.exit_code == 0
    assert "s3cret" not in ran.output


def test_the_session_server_still_answers(llama: LlamaServer) -> None:
    """Nothing above left a slot at work."""
    slots = httpx.get(f"{llama.url}/slots", trust_env=False).json()
    assert not any(slot["is_processing"] for slot in slots)
