from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import click
import msgspec
import pytest
from rich.cells import cell_len

from console.verbs.inspect.report import report
from console.verbs.inspect.table import Column, table, wrapped
from proxy_core.captures import Captured, jsonl
from proxy_core.study.inspecting.trial import Suggested
from tests.pseudo_terminal import in_terminal
from tests.study.inspecting.inspected import BOATS, inspected, talk
from tests.study.test_steps import captured
from tests.verbs.runs import kept, ran


def _file(folder: Path, requests: list[Captured], name: str = "recorded.jsonl") -> Path:
    file = folder / name
    file.write_bytes(b"".join(map(jsonl.line, requests)))
    return file


def _tickets() -> list[Captured]:
    """What no shipped rule knows."""
    return talk(lambda turn: f"You help.\nTicket of the day {turn:08x}-1111-4222-8333-444455556666\n{BOATS}")


def test_a_table_of_requests_conversations_and_what_changes(tmp_path: Path) -> None:
    file = _file(tmp_path, captured("openclaw-c"))
    done = ran("inspect", file)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith(f"{file}: 7 requests; each: client openclaw, api chat, lane c1, stream yes")
    second = next(line for line in lines if line.startswith("#2"))
    assert second.split()[-4:] == ["29", "%", "100", "%"]
    assert f"kvconsole diff {file}#6 {file}#7" in done.out
    assert 'system, "Inbound Context (trusted metadata)"  3 of 6      3            50.6' in done.out
    assert "With the rules nothing changed." in done.out
    assert "known to openclaw.message-id (safe, on)" in done.out


def test_the_journal_is_inspected_without_a_source() -> None:
    ids = kept("openclaw-c")
    done = ran("inspect")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines() if line.startswith("3f9a12c4")] == ids
    assert "known to openclaw.message-id" in done.out
    assert ran("inspect", "--last", 2, "--json").out.count('"number"') == 2


def test_ids_are_those_that_diff_takes(tmp_path: Path) -> None:
    file = _file(tmp_path, captured("openclaw-c"))
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], b"no request\n", *lines[1:]]))
    done = ran("inspect", file, "--json", "--last", 2)
    ids = [one["id"] for one in json.loads(done.out)["requests"]]
    assert ids == [f"{file}#6", f"{file}#7"]
    assert "1 entry was passed over" in done.err
    compared = ran("diff", *ids)
    assert compared.code == 0, compared.err


def test_json_has_everything(tmp_path: Path) -> None:
    done = ran("inspect", _file(tmp_path, _tickets()), "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert set(told) == {"level", "requests", "conversations", "candidates", "not_followed", "trial"}
    first, second, *_ = told["requests"]
    assert first["reuse"] == {"raw": None, "normalized": None}
    assert second["follows"] == first["id"]
    assert set(first["items"]) == {"system", "user", "assistant", "tool", "calls", "tools", "other"}
    assert set(first["sizes"]) == {"system", "tools", "history", "newest"}
    assert (first["at"], first["client"], first["http_status"]) == (None, None, None)
    (conversation,) = told["conversations"]
    (changed,) = conversation["changed"]["raw"]
    assert (changed["times"], changed["first"], conversation["turns"]) == (5, 5, 5)
    assert changed["read_again"] == conversation["read_again"]["raw"] > 0
    (candidate,) = told["candidates"]
    assert (candidate["shape"], candidate["line"], candidate["times"]) == ("uuid", 2, 5)
    assert (candidate["rules"], candidate["why_no_draft"]) == ([], None)
    draft = candidate["draft"]
    assert draft["rule"]["id"] == draft["id"] == "mine.ticket-of-the-day"
    assert draft["without"] == told["trial"]["reuse"] < 0.1 < 0.97 < draft["reuse"]
    assert told["trial"]["drafts"] == ["mine.ticket-of-the-day"]
    assert told["trial"]["reuse_switched"] is None


def test_suggest_writes_rules_that_are_right_and_work(tmp_path: Path) -> None:
    file, rules = _file(tmp_path, _tickets()), tmp_path / "mine.toml"
    done = ran("inspect", file, "--suggest", rules)
    assert done.code == 0
    assert "1 draft of a rule was written" in done.err
    assert "reuse goes from" in done.out
    assert stat.S_IMODE(rules.stat().st_mode) == 0o600
    assert [rule["id"] for rule in tomllib.loads(rules.read_text())["rule"]] == ["mine.ticket-of-the-day"]
    checked = ran("rules", "check", rules)
    assert (checked.code, checked.out) == (0, "1 file, 1 rule: fine, examples and all.\n")
    told = json.loads(ran("inspect", file, "--rules", rules, "--json").out)
    assert told["conversations"][0]["reuse"]["normalized"] > 0.97
    assert told["candidates"][0]["rules"] == [{"id": "mine.ticket-of-the-day", "level": "safe", "on": True}]


def test_suggest_never_replaces_a_file_unasked(tmp_path: Path) -> None:
    file, rules = _file(tmp_path, _tickets()), tmp_path / "mine.toml"
    rules.write_text("# mine\n")
    done = ran("inspect", file, "--suggest", rules)
    assert done.code == 2
    assert "--force replaces it" in done.err
    assert rules.read_text() == "# mine\n"
    assert ran("inspect", file, "--suggest", rules, "--force").code == 0
    assert "mine.ticket-of-the-day" in rules.read_text()


def test_suggest_to_standard_output_prints_rules_and_nothing_else(tmp_path: Path) -> None:
    done = ran("inspect", _file(tmp_path, _tickets()), "--suggest", "-")
    assert done.code == 0
    assert [rule["action"] for rule in tomllib.loads(done.out)["rule"]] == ["freeze"]


def test_without_a_draft_no_file_is_written(tmp_path: Path) -> None:
    rules = tmp_path / "mine.toml"
    done = ran("inspect", _file(tmp_path, captured("openclaw-c")), "--suggest", rules)
    assert done.code == 0
    assert "no rules were written" in done.err
    assert not rules.exists()


def test_standard_input_is_read_once_and_tried_all_the_same(tmp_path: Path) -> None:
    given = _file(tmp_path, _tickets()).read_bytes()
    done = ran("inspect", "-", "--suggest", tmp_path / "mine.toml", given=given)
    assert done.code == 0
    assert done.out.splitlines()[0].startswith("standard input: 6 requests")
    assert "mine.ticket-of-the-day" in (tmp_path / "mine.toml").read_text()


def test_one_conversation_of_a_file(tmp_path: Path) -> None:
    file = _file(tmp_path, captured("two-sessions"))
    done = ran("inspect", file, "--lane", "c2", "--json")
    told = json.loads(done.out)
    assert {one["lane"] for one in told["requests"]} == {"c2"}
    missing = ran("inspect", file, "--lane", "c9")
    assert (missing.code, missing.out) == (
        0,
        "There is no request of a conversation c9. `kvconsole inspect` without --lane lists all.\n",
    )


def test_an_empty_journal_says_what_to_do() -> None:
    done = ran("inspect")
    assert done.code == 0
    assert "The journal holds no requests yet." in done.out
    assert json.loads(ran("inspect", "--json").out)["requests"] == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--force"], "--force goes with --suggest"),
        (["--json", "--suggest", "-"], "standard output"),
        (["nowhere.jsonl"], "nowhere.jsonl"),
    ],
)
def test_misuse(args: list[str], said: str) -> None:
    done = ran("inspect", *args)
    assert done.code == 2
    assert said in done.err


def _foreign() -> list[Captured]:
    """Names and values that would move the cursor, or take more cells than characters."""
    requests = talk(lambda turn: f"You help.\n\x1b[31m票 of the day: {turn:08x}ab\x1b[0m\x07\n{BOATS}")
    return [
        msgspec.structs.replace(
            one,
            client="\x1b]0;client 票票票票票票\x07" if at % 2 else "other",
            lane=f"lane \x1b[2J{'票' * 20}",
            at=1772668000.0 + 90_000 * at,
        )
        for at, one in enumerate(requests)
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_lines_fit_a_terminal_and_nothing_foreign_moves_its_cursor(width: int) -> None:
    for requests in (_foreign(), captured("heartbeats"), captured("edited")):
        found = inspected(requests)
        source = requests[0].place.source
        lines = list(report(found, Suggested(), [source], width, writes=False))
        shown = [click.unstyle(line) for line in lines]
        assert max(map(cell_len, shown)) <= width
        assert not any(ord(char) < 32 for line in shown for char in line)


def test_nothing_is_cut_in_a_pipe(tmp_path: Path) -> None:
    done = ran("inspect", _file(tmp_path, _foreign()))
    assert "票" * 20 in done.out
    assert "\x1b" not in done.out
    heads = next(line for line in done.out.splitlines() if line.startswith("request"))
    wanted = "request time client s/u/a/t calls defs system tools history newest body sent rules"
    assert heads.split() == wanted.split()


def test_columns_go_by_weight_and_texts_are_shortened_before_that() -> None:
    columns = [
        Column("name", ["a long name of many words"], shrinks=True),
        Column("figure", ["1.0"], right=True, weight=1),
        Column("more", ["2"], right=True, weight=2),
    ]
    assert table(columns, None) == (
        ["name                       figure  more", "a long name of many words     1.0     2"],
        [],
    )
    ends = Column("request", ["a/long/way/to.jsonl#17"], shrinks=True, tail=True)
    assert table([ends], 12) == (["request", "…to.jsonl#17"], [])
    lines, gone = table(columns, 24)
    assert (lines, gone) == (["name        figure  more", "a long na…     1.0     2"], [])
    lines, gone = table(columns, 16)
    assert (lines[1], gone) == ("a long…      1.0", ["more"])


def test_no_progress_bar_is_left_behind(tmp_path: Path) -> None:
    file = _file(tmp_path, _tickets())
    with in_terminal("inspect", str(file)) as terminal:
        assert terminal.wait_ended() == 0
    assert "trying drafts" in terminal.raw
    ends = [rest for rest in terminal.raw.split("100%")[1:] if "\n" in rest.partition("%")[0]]
    assert ends
    assert all("\x1b[1A\x1b[2K" in rest.partition("\n")[2][:16] for rest in ends)


def test_lines_are_not_broken_within_a_figure() -> None:
    text = "reuse goes from 74 % to 100 % of 1 234 567 and 8 more"
    for width in range(12, 60):
        lines = list(wrapped(text, width))
        assert not any(line.startswith(("%", "234", "567")) for line in lines)
        assert " ".join(lines) == text


def test_where_nothing_changed_nothing_is_to_be_seen(tmp_path: Path) -> None:
    done = ran("inspect", _file(tmp_path, captured("openclaw-a")))
    assert "  100 %  100 %" in done.out
    assert "kvconsole diff" not in done.out
