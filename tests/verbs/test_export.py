"""`kvconsole export`: requests in other formats, and reports around a divergence."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from proxy_core.captures import Captured, Place, jsonl, open_source
from tests.captures.kit import chat, request
from tests.console_process import BOUND, COMMAND
from tests.pseudo_terminal import in_terminal
from tests.study.test_steps import captured
from tests.verbs.runs import RUN, Ran, kept, ran

SECRET = "sk-proj-" + "Zz9_" * 12


def export(*args: object, **more: Any) -> Ran:
    return ran("export", *args, **more)


def capture(path: Path, *requests: Captured) -> Path:
    """Requests in a file."""
    path.write_bytes(b"".join(map(jsonl.line, requests)))
    return path


def read(path: Path) -> list[Captured]:
    with open_source(path) as source:
        found = list(source)
        assert source.summary is None
    return found


def bodies(requests: list[Captured]) -> list[tuple[bytes, bytes | None]]:
    return [(one.body, one.forwarded) for one in requests]


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A conversation whose prompt changes three times."""
    return capture(tmp_path / "case.jsonl", *captured("openclaw-c"))


@pytest.mark.parametrize("kind", ["jsonl", "har"])
def test_the_journal_comes_out_whole_in_either_format(tmp_path: Path, kind: str) -> None:
    keys = kept("openclaw-c")
    sent = [one.body for one in captured("openclaw-c")]
    out = tmp_path / f"all.{kind}"
    shown = export("-o", out)
    assert (shown.code, shown.out) == (0, "")
    assert f"{len(keys)} requests" in shown.err
    found = read(out)
    assert [one.body for one in found] == sent
    assert any(one.forwarded != one.body for one in found)
    assert [one.id for one in found] == keys
    assert [one.before for one in found][1:] == keys[:-1]
    assert {one.ruleset for one in found} == {"77aa01"}
    assert any(one.edited for one in found)
    assert found[3].finding is not None


def test_formats_turn_into_one_another(tmp_path: Path, case: Path) -> None:
    har, back = tmp_path / "x.har", tmp_path / "back.jsonl"
    assert export(case, "-o", har).code == export(har, "-o", back).code == 0
    here = Place("x")
    found, wanted = ([replace(one, place=here) for one in read(path)] for path in (back, case))
    assert found == wanted


def test_requests_are_chosen(tmp_path: Path, case: Path) -> None:
    keys = kept("openclaw-c")
    out = tmp_path / "x.jsonl"
    for args, wanted in (
        (("--last", 2), keys[-2:]),
        ((keys[3], keys[1]), [keys[3], keys[1]]),
        (("--lane", "main"), keys),
    ):
        assert export(*args, "-o", out, "--force").code == 0
        assert [one.id for one in read(out)] == wanted
    assert export(case, "--lane", "c1", "--last", 2, "-o", out, "--force").code == 0
    assert bodies(read(out)) == bodies(read(case))[-2:]
    assert export(f"{case}#2", keys[0], "-o", out, "--force").code == 0
    assert [one.body for one in read(out)] == [read(case)[1].body, read(case)[0].body]


@pytest.mark.parametrize("kind", ["md", "html"])
def test_a_report_of_one_request_shows_it_against_the_one_before(kind: str) -> None:
    keys = kept("openclaw-c")
    shown = export(keys[6], "--format", kind)
    assert shown.code == 0
    for wanted in (
        *("as the client sent them", "as kvconsole forwarded them", "message_id", "b11549-1a2b3c", "77aa01"),
        *(keys[6], keys[5], "1 200 tokens", "openclaw.message-id", "comes again whole"),
    ):
        assert wanted in shown.out
    assert "--redact" in shown.err


def test_without_a_name_it_is_the_newest_that_the_client_changed() -> None:
    keys = kept("openclaw-c")
    shown = export()
    assert shown.code == 0
    told = re.search(rf"Request ({RUN}-\d+), the newest whose prompt the client changed \((.+)\)", shown.err)
    assert told is not None
    assert f"| id | {told[1]} |" in shown.out
    assert f"## {told[2]}" in shown.out
    assert told[1] in keys[-2:]
    assert len(re.findall("^## ", export("--last", 2).out, re.MULTILINE)) == 2


def test_a_predecessor_that_is_gone_is_told() -> None:
    keys = kept("openclaw-c", before="0badcafe-7")
    shown = export(keys[4])
    assert "0badcafe-7, the request before it, is no longer in the journal" in shown.err
    assert "The two requests" not in shown.out


def test_where_nobody_told_the_predecessor_it_is_the_newest_of_the_lane() -> None:
    keys = kept("openclaw-c", before=None, diagnosis=None, lane="one")
    assert f"| compared with | {keys[3]} |" in export(keys[4]).out


def test_a_file_gives_its_diverging_pairs(case: Path) -> None:
    shown = export(case)
    titles = re.findall(r"^## (.+)$", shown.out, re.MULTILINE)
    assert titles == ['system, "Inbound Context (trusted metadata)": reads otherwise'] * 3
    assert len(re.findall("^## ", export(case, "--last", 1).out, re.MULTILINE)) == 1
    assert len(re.findall("^## ", export(f"{case}#2", case).out, re.MULTILINE)) == 4


def test_bodies_in_a_file_each_are_one_conversation(tmp_path: Path) -> None:
    said = [f"message number {n}" for n in range(3)]
    requests = [request(chat(f"Clock: {n}\nBe brief.", *said[: n + 1])) for n in range(3)]
    paths = [capture(tmp_path / str(n), one) for n, one in enumerate(requests)]
    shown = export(*paths)
    assert len(re.findall("^## system", shown.out, re.MULTILINE)) == 2


def test_many_pairs_are_cut_unless_all_are_wanted(tmp_path: Path) -> None:
    said = [f"message number {n}" for n in range(30)]
    path = capture(
        tmp_path / "x", *(request(chat(f"Clock: {n}\nBe brief.", *said[: n + 1])) for n in range(0, 30))
    )
    shown = export(path)
    assert len(re.findall("^## ", shown.out, re.MULTILINE)) == 20
    assert "20 of 29 requests" in shown.err
    assert len(re.findall("^## ", export(path, "--all").out, re.MULTILINE)) == 29


def test_a_file_in_which_nothing_parts_has_nothing_to_report(tmp_path: Path) -> None:
    one, two = (request(chat("Be brief.", "Hi", *more)) for more in ((), ("Hello", "Bye")))
    shown = export(capture(tmp_path / "two", one, two))
    assert (shown.code, "nothing to report" in shown.err) == (2, True)
    alone = export(capture(tmp_path / "one", one), "--format", "html")
    assert (alone.code, "no earlier request" in alone.out) == (0, True)


@pytest.mark.parametrize("kind", ["jsonl", "har", "md", "html"])
@pytest.mark.parametrize("piped", [False, True])
def test_a_secret_told_in_one_place_is_masked_in_all(tmp_path: Path, kind: str, piped: bool) -> None:
    word = "tangerine42fish"
    system = f"Clock: %d\nBe brief. {SECRET}"
    one = request(chat(system % 1, f"remember {word}"))
    two = request(chat(system % 2, f"remember {word}", "ok", f"DB_PASSWORD={word}\n"))
    path = capture(tmp_path / "x", one, two)
    given = path.read_bytes() if piped else None
    shown = export("-" if piped else path, "--format", kind, "--redact", given=given)
    assert shown.code == 0
    assert SECRET not in shown.out
    assert word not in shown.out
    assert "2 strings" in shown.err
    if kind in ("md", "html"):
        assert "2 strings" in shown.out
    masks = set(re.findall(r"\[secret-[0-9a-f]{8}\]", shown.out.replace("\\", "")))
    assert len(masks) == 2


@pytest.mark.parametrize("redact", [(), ("--redact",)])
def test_what_was_passed_over_is_told_once(case: Path, redact: tuple[str, ...]) -> None:
    with case.open("ab") as file:
        file.write(b"{broken\n")
    assert export(case, "--format", "jsonl", *redact).err.count("1 entry was passed over") == 1


def test_a_bare_redact_takes_no_name(case: Path) -> None:
    shown = export("--redact", case)
    assert (shown.code, "--redact=secrets" in shown.err) == (0, True)
    assert "--redact=personal" in export("--redact", "personal", case).err
    wrong = export("--redact=all", case)
    assert (wrong.code, "personal" in wrong.err) == (2, True)


def test_what_is_not_redacted_is_said_of_reports_alone(case: Path) -> None:
    assert "Prompts are written as they are" in export(case).err
    assert export(case, "--format", "jsonl").err == ""


def test_files_are_private_and_never_replaced_unasked(tmp_path: Path, case: Path) -> None:
    out = tmp_path / "r.html"
    assert export(case, "-o", out).code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    before = out.read_bytes()
    again = export(f"{case}#2", "-o", out)
    assert (again.code, "--force" in again.err, out.read_bytes()) == (2, True, before)
    link = tmp_path / "link.html"
    link.symlink_to(out)
    assert export(f"{case}#2", "-o", link, "--force").code == 0
    assert link.is_symlink()
    assert out.read_bytes() != before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".r")] == []


@pytest.mark.parametrize("ref", ["{}", "{}#2"])
@pytest.mark.parametrize("kind", ["jsonl", "md"])
def test_a_capture_is_not_replaced_by_what_is_made_of_it(case: Path, ref: str, kind: str) -> None:
    before = case.read_bytes()
    shown = export(ref.format(case), "--format", kind, "-o", case, "--force")
    assert (shown.code, case.read_bytes()) == (2, before)
    assert "is one of the sources" in shown.err


def test_a_failure_leaves_the_file_that_was_there(tmp_path: Path, case: Path) -> None:
    out = tmp_path / "x.jsonl"
    out.write_text("mine")
    assert export(f"{case}#99", "-o", out, "--force").code == 2
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("none.har",), "cannot be opened"),
        ((f"{RUN}-99",), "no request"),
        (("x#1", "--last", "2"), "a single one is named"),
        (("x", "--format", "har", "--all"), "--all is for md and html"),
        (("--format", "jsonl"), "No request is meant"),
        ((), "no request with a verdict"),
        (("-o", "/nowhere/at/all/x.md"), "is no directory"),
        (("-o", "/"), "is a directory"),
        (("--since", "soon"), "is no time"),
    ],
)
def test_misuse_is_told(args: tuple[str, ...], told: str) -> None:
    shown = export(*args)
    assert shown.code == 2
    assert told in shown.err


def test_a_page_is_not_for_a_terminal(case: Path) -> None:
    with in_terminal("export", str(case), "--format", "html") as terminal:
        assert terminal.wait_ended() == 2
    assert "-o report.html" in terminal.text


def test_on_a_terminal_nothing_foreign_moves_the_cursor(tmp_path: Path) -> None:
    one = request(chat("\x9b31mred \u202eabc", "Hi"))
    with in_terminal("export", str(capture(tmp_path / "x", one)), "--format", "jsonl") as terminal:
        assert terminal.wait_ended() == 0
    assert "‹009B›" in terminal.raw
    assert "\x9b31m" not in terminal.raw


def test_a_pipe_as_output_is_written_to(case: Path) -> None:
    command = [*COMMAND, "export", str(case), "--format", "jsonl", "-o", "/dev/stdout"]
    done = subprocess.run(command, capture_output=True, timeout=BOUND, check=False)
    assert done.returncode == 0
    assert done.stdout.decode() == export(case, "--format", "jsonl").out
