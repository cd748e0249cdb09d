"""`kvconsole check`, as a CI job runs it."""

from __future__ import annotations

import json
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as Xml

import msgspec
import pytest
from click.testing import CliRunner

from console.cli import cli
from console.verbs.choosing import referred
from proxy_core import paths
from proxy_core.captures.captured import Captured
from proxy_core.captures.jsonl import line
from proxy_core.errors import KvconsoleError
from tests.journal.kit import entry, whole, write
from tests.real_llama import LlamaServer
from tests.study.checking.kit import LONG, talk
from tests.study.test_steps import captured

CLOCK = (f"Clock: 20:48. {LONG}", f"Clock: 20:49. {LONG}")


class Ran(NamedTuple):
    """How a run ended, and what it printed."""

    code: int
    out: str
    err: str


def check(*args: str | Path, given: bytes | None = None) -> Ran:
    ran = CliRunner().invoke(cli, ["check", *map(str, args)], input=given)
    if isinstance(ran.exception, KvconsoleError):
        # What the entry point makes of it.
        return Ran(2, ran.stdout, f"{ran.exception.title}: {ran.exception.message}\n")
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return Ran(ran.exit_code, ran.stdout, ran.stderr)


def recorded(requests: Iterable[Captured]) -> bytes:
    return b"".join(map(line, requests))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a recording that passes and one that does not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    Path("good.jsonl").write_bytes(recorded(talk(LONG, LONG, LONG)))
    Path("bad.jsonl").write_bytes(recorded(talk(*CLOCK)))
    return tmp_path


def test_a_recording_that_only_grows_is_fine() -> None:
    ran = check("good.jsonl")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("2 turns compared: 2 passed, 0 failed, 0 allowed; reuse: median 100.0 %")
    assert "Not compared: 1 first of its conversation." in ran.out


def test_a_turn_that_fails_is_named_with_what_changed() -> None:
    ran = check("bad.jsonl")
    assert ran.code == 1
    first, *rest = ran.out.splitlines()
    assert first.split()[:3] == ["FAIL", "bad.jsonl:2", "c1"]
    assert first.endswith("system changed")
    assert any("95 % is wanted" in text and "bad.jsonl:1" in text for text in rest)
    assert any(text.startswith("    - │ Clock: 20:4[-8-]. Be brief") for text in rest)
    assert any(text.startswith("    + │ Clock: 20:4{+9+}. Be brief") for text in rest)


def test_verbose_lists_what_passes() -> None:
    ran = check("good.jsonl", "-v")
    assert [text.split()[:2] for text in ran.out.splitlines()[:2]] == [
        ["pass", "good.jsonl:2"],
        ["pass", "good.jsonl:3"],
    ]


def test_rules_mend_what_raw_shows() -> None:
    Path("claw.jsonl").write_bytes(recorded(captured("openclaw-c")))
    assert check("claw.jsonl").code == 0
    assert check("claw.jsonl", "--raw").code == 1
    assert check("claw.jsonl", "--rules", "openclaw.message-id").code == 0
    assert check("claw.jsonl", "--rules", "openclaw.timestamp").code == 1
    Path("heartbeats.jsonl").write_bytes(recorded(captured("heartbeats")))
    assert check("heartbeats.jsonl").code == 1
    assert check("heartbeats.jsonl", "--level", "aggressive").code == 0


@pytest.mark.parametrize(("typed", "code"), [("0.01", 0), ("1%", 0), ("0", 0), ("95%", 1), ("1", 1)])
def test_the_limit_is_a_share_or_per_cent(typed: str, code: int) -> None:
    assert check("bad.jsonl", "--min-reuse", typed).code == code


@pytest.mark.parametrize("typed", ["95", "-0.1", "nan", "inf", "101%", "much", "", "%"])
def test_another_limit_is_misuse(typed: str) -> None:
    ran = check("bad.jsonl", "--min-reuse", typed)
    assert ran.code == 2
    assert "Write a number from 0 to 1, such as 0.95, or 95%." in ran.err


def test_what_is_allowed_does_not_fail() -> None:
    for name in ("system changed", "system-changed", "System_Changed"):
        ran = check("bad.jsonl", "--allow", name)
        assert (ran.code, ran.out.split()[0]) == (0, "allowed")
    assert check("bad.jsonl", "--allow", "history compacted").code == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("history compcted", "Did you mean 'history compacted'?"),
        ("slot taken", "No prompt tells of 'slot taken'"),
        ("nonsense", "Known: system changed, tools changed, message rewritten, history pruned"),
    ],
)
def test_a_cause_that_is_none_is_misuse(name: str, told: str) -> None:
    ran = check("bad.jsonl", "--allow", name)
    assert ran.code == 2
    assert told in ran.err


def test_a_broken_entry_fails_a_check_that_is_fine_otherwise() -> None:
    first, second, third = Path("good.jsonl").read_bytes().splitlines(keepends=True)
    Path("torn.jsonl").write_bytes(first + second + third[: len(third) // 2])
    ran = check("torn.jsonl")
    assert ran.code == 1
    assert ran.out.startswith("unread   torn.jsonl:3 (entry 3): ")
    assert "1 request could not be read, so the check fails" in ran.out
    assert check("torn.jsonl", "--last", "2").code == 1


@pytest.mark.parametrize("args", [("one.jsonl",), ("good.jsonl", "--lane", "c7"), ()])
def test_where_nothing_is_compared_the_check_fails(args: tuple[str, ...]) -> None:
    Path("one.jsonl").write_bytes(recorded(talk(LONG)))
    ran = check(*args)
    assert ran.code == 1
    assert "Nothing was compared" in ran.out
    if "c7" in args:
        assert "Known: c1." in ran.out


def test_a_file_that_is_none_is_misuse() -> None:
    Path("empty.jsonl").write_bytes(b"")
    for name in ("empty.jsonl", "none.jsonl"):
        ran = check(name)
        assert ran.code == 2
        assert name in ran.err


def test_standard_input_is_read() -> None:
    ran = check("-", given=recorded(talk(*CLOCK)))
    assert ran.code == 1
    assert ran.out.startswith("FAIL     standard input:2")
    assert check("-", "--format", "github", given=recorded(talk(*CLOCK))).out.startswith("::error title=")


def test_without_a_source_the_journal_is_checked() -> None:
    entries = [
        msgspec.structs.replace(
            entry(number, run="0000000a", lane=lane, bodies=whole(one.body)),
            path="/v1/chat/completions",
            api="chat",
        )
        for lane, start, talked in (("good", 1, talk(LONG, LONG)), ("bad", 5, talk(*CLOCK)))
        for number, one in enumerate(talked, start)
    ]
    paths.journal_file().parent.mkdir(parents=True, exist_ok=True)
    write(paths.journal_file(), *entries)
    ran = check()
    assert ran.code == 1
    assert ran.out.split()[:3] == ["FAIL", "0000000a-6", "bad"]
    assert "Compared with 0000000a-5." in ran.out
    assert check("--lane", "good").code == 0
    assert "no conversation none here." in check("--lane", "none").out
    assert check("--format", "github").out.startswith("::error title=Prompt cache")


def test_conversations_go_on_from_file_to_file() -> None:
    for number, one in enumerate(talk(LONG, LONG, LONG)):
        Path(f"turn{number}.json").write_bytes(one.body)
    ran = check(*(f"turn{number}.json" for number in range(3)), "--json")
    assert ran.code == 0
    assert [turn["file"] for turn in json.loads(ran.out)["turns"]] == ["turn1.json", "turn2.json"]


def test_json_and_junit_are_written_side_by_side() -> None:
    ran = check("bad.jsonl", "--json", "--junit", "report.xml")
    assert ran.code == 1
    told = json.loads(ran.out)
    assert told["settings"]["mode"] == "forwarded"
    assert told["settings"]["level"] == "safe"
    assert told["summary"] == {
        "compared": 1,
        "passed": 0,
        "failed": 1,
        "allowed": 0,
        "first": 1,
        "midway": 0,
        "error": 0,
        "foreign": 0,
        "unread": 0,
        "median_reuse": told["turns"][0]["reuse"],
        "worst_reuse": told["turns"][0]["reuse"],
    }
    assert Xml.parse("report.xml").getroot().attrib["failures"] == "1"
    raw = check("bad.jsonl", "--raw", "--format", "json")
    assert json.loads(raw.out)["settings"]["rules"] is None


@pytest.mark.parametrize("form", ["text", "json", "junit", "github"])
def test_a_report_goes_to_a_file_as_it_would_be_printed(form: str) -> None:
    printed = check("bad.jsonl", "--format", form)
    filed = check("bad.jsonl", "--format", form, "-o", "report")
    assert (printed.code, filed.code) == (1, 1)
    assert Path("report").read_text(encoding="utf-8") == printed.out
    assert filed.out.startswith("1 turn compared: 0 passed, 1 failed")


def test_a_report_takes_no_sources_place() -> None:
    before = Path("bad.jsonl").read_bytes()
    for option in ("-o", "--junit"):
        ran = check("bad.jsonl", option, "./bad.jsonl")
        assert ran.code == 2
        assert "is one of the sources" in ran.err
    assert Path("bad.jsonl").read_bytes() == before


def test_reports_are_for_their_owner_alone_and_replace_earlier_ones() -> None:
    for _ in range(2):
        check("bad.jsonl", "-o", "report.txt", "--junit", "report.xml")
        for name in ("report.txt", "report.xml"):
            assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600
    assert "FAIL" in Path("report.txt").read_text()


def test_a_report_that_cannot_be_written_is_misuse() -> None:
    for target in ("no/such/report.xml", "."):
        ran = check("good.jsonl", "--junit", target)
        assert ran.code == 2
        assert ran.err.startswith("Output: ")


def test_github_gets_a_table_for_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("summary.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    assert check("bad.jsonl").code == 1
    assert Path("summary.md").read_text() == "before\n"
    ran = check("bad.jsonl", "--format", "github")
    assert ran.out.startswith("::error file=bad.jsonl,line=2,title=Prompt cache%3A system changed::")
    written = Path("summary.md").read_text()
    assert written.startswith("before\n### Prompt cache check failed")
    assert "| bad.jsonl:2 | c1 |" in written
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "no/such/file")
    ran = check("good.jsonl", "--format", "github")
    assert ran.code == 0
    assert "the summary cannot be written" in ran.err


def test_github_gets_names_from_the_checkout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    (folder / "client").mkdir()
    (folder / "bad.jsonl").rename(folder / "client" / "bad.jsonl")
    monkeypatch.chdir(folder / "client")
    assert check("bad.jsonl", "--format", "github").out.startswith("::error file=client/bad.jsonl,line=2,")
    monkeypatch.setenv("GITHUB_WORKSPACE", "/elsewhere")
    assert check("bad.jsonl", "--format", "github").out.startswith("::error file=bad.jsonl,line=2,")


@pytest.mark.parametrize(
    "args",
    [
        ("--raw", "--level", "careful"),
        ("--raw", "--rules", "openclaw.message-id"),
        ("--json", "--format", "junit"),
        ("--junit", "-"),
        ("--junit", "report", "--output", "report"),
        ("--upstream", "not a url"),
        ("--rules", "no.such.rule"),
    ],
)
def test_options_that_make_no_sense_are_misuse(args: tuple[str, ...]) -> None:
    assert check("good.jsonl", *args).code == 2


def test_nobody_at_the_upstream_is_misuse_and_says_why() -> None:
    ran = check("good.jsonl", "--upstream", "http://127.0.0.1:9")
    assert (ran.code, ran.out) == (2, "")
    assert "http://127.0.0.1:9 cannot be asked to count tokens: nobody listens there" in ran.err


def test_a_server_counts_tokens(llama: LlamaServer) -> None:
    good = check("good.jsonl", "--upstream", llama.url, "--json")
    assert good.code == 0
    told = json.loads(good.out)
    assert told["settings"]["measure"] == "tokens"
    assert told["settings"]["upstream"]["url"] == llama.url
    assert {turn["unit"] for turn in told["turns"]} == {"tokens"}
    bad = check("bad.jsonl", "--upstream", llama.url)
    assert bad.code == 1
    assert "tokens of the earlier prompt" in bad.out


def test_the_program_itself_ends_with_the_code_and_prints_the_same_each_time() -> None:
    command = [sys.executable, "-m", "console", "check", "bad.jsonl", "--json"]
    first, second = (subprocess.run(command, capture_output=True, timeout=60) for _ in range(2))
    assert (first.returncode, second.returncode) == (1, 1)
    assert first.stdout == second.stdout
    assert (first.stderr, json.loads(first.stdout)["ok"]) == (b"", False)


def test_without_standard_output_the_code_tells() -> None:
    command = [sys.executable, "-m", "console", "check", "bad.jsonl"]
    ran = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *command], stderr=subprocess.PIPE, timeout=60)
    assert (ran.returncode, ran.stderr) == (1, b"")


def test_a_beginning_that_changes_is_not_taken_for_another_conversation() -> None:
    one, two = ([("user", f"[20:4{n}] {LONG}")] for n in (8, 9))
    later = [*two, ("assistant", "Answer."), ("user", "And?")]
    bodies = [
        {"model": "m", "messages": [{"role": role, "content": text} for role, text in said]}
        for said in (one, later)
    ]
    ran = check("-", given="".join(f"{json.dumps(body)}\n" for body in bodies).encode())
    assert ran.code == 1
    assert "1 first of its conversation, 1 with a history that is not here: its first turns" in ran.out


def test_diff_finds_the_turns_by_the_names_that_are_told() -> None:
    first, second = Path("bad.jsonl").read_bytes().splitlines(keepends=True)
    Path("a b.jsonl").write_bytes(first + b"{broken\n" + second)
    ran = check("a b.jsonl")
    command = next(line for line in ran.out.splitlines() if line.startswith("kvconsole diff"))
    assert command == "kvconsole diff 'a b.jsonl#1' 'a b.jsonl#2'"
    for name, body in zip(shlex.split(command)[2:], talk(*CLOCK), strict=True):
        assert referred(name).body == body.body
    Path("-bad.jsonl").write_bytes(first + second)
    assert "kvconsole diff './-bad.jsonl#1' './-bad.jsonl#2'" in check("--", "-bad.jsonl").out


def test_a_rule_file_that_is_not_there_is_misuse() -> None:
    ran = check("good.jsonl", "--rules", "none.toml")
    assert (ran.code, ran.err) == (2, "Rules: none.toml: there is no such file.\n")


def test_the_newest_of_a_file_are_compared_and_named_as_among_all() -> None:
    Path("two.jsonl").write_bytes(recorded(captured("two-sessions")))
    every = json.loads(check("two.jsonl", "--json").out)["turns"]
    newest = json.loads(check("two.jsonl", "--json", "--last", "4").out)["turns"]
    assert newest == every[-4:]
    lane = every[-1]["lane"]
    of_one = json.loads(check("two.jsonl", "--json", "--last", "3", "--lane", lane).out)["turns"]
    assert of_one == [turn for turn in every if turn["lane"] == lane][-3:]
    told = [
        msgspec.structs.replace(one, at=datetime(2026, 2, 18, 20, number).timestamp())
        for number, one in enumerate(captured("two-sessions"))
    ]
    since = ("--json", "--since", f"2026-02-18T20:{len(told) - 3}")
    assert json.loads(check("-", *since, given=recorded(told)).out)["summary"]["compared"] == 3
