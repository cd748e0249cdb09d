"""`rules test`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.rules_verbs.kit import CLOCK, own, verb

OPENCLAW = "You are a personal assistant running inside OpenClaw.\nBe kind."
STAMPED = "[Wed 2026-02-18 20:48 UTC] List the files."


@pytest.fixture
def bodies(tmp_path: Path) -> Path:
    own("mine.toml", CLOCK)
    return tmp_path


def written(folder: Path, name: str, *messages: tuple[str, str], **more: Any) -> Path:
    """A request body in a file."""
    file = folder / name
    listed = [{"role": role, "content": content} for role, content in messages]
    file.write_text(json.dumps({"messages": listed, **more}))
    return file


def test_the_edits_are_printed_as_a_diff(bodies: Path) -> None:
    body = written(bodies, "body.json", ("system", "Be kind."), ("user", "(now: 20:48) What\nis next?"))
    ran = verb("test", "mine.clock", body)
    assert ran.code == 0
    assert ran.out.splitlines() == [
        f"{body}: chat, client not recognized",
        "matched  mine.clock  (1 change)",
        "",
        f"--- {body} as sent",
        f"+++ {body} as forwarded",
        "@@ user · 2, line 1 @@",
        "-(now: 20:48) What",
        "+What",
        " is next?",
    ]
    assert ran.err == ""


def test_a_body_may_come_from_standard_input(bodies: Path) -> None:
    body = written(bodies, "body.json", ("user", "(now: 20:48) Hi")).read_bytes()
    assert verb("test", "mine.clock", "-", given=body).code == 0
    assert verb("test", "mine.clock", "-", given=b"nonsense").code == 2


def test_what_did_not_match_says_where_it_looked(bodies: Path) -> None:
    body = written(bodies, "body.json", ("system", "Be kind."), ("user", "Hi (now: 20:48)"))
    ran = verb("test", "mine.clock", body)
    assert ran.code == 1
    assert ran.out.splitlines()[1:] == [
        "no match for mine.clock",
        """  look 1, at 'start': found nothing in 1 user text; the last one begins with "Hi (now: 20:48)\"""",
    ]


def test_the_client_is_told_from_the_prompt_or_named(bodies: Path) -> None:
    told = written(bodies, "told.json", ("system", OPENCLAW), ("user", STAMPED))
    assert verb("test", "openclaw.timestamp", told, "--json").json["client"] == "openclaw"
    # Where nothing tells, a rule that is tried alone is given the client that it is for.
    bare = written(bodies, "bare.json", ("user", STAMPED))
    assert verb("test", "openclaw.timestamp", bare).code == 0
    other = verb("test", "openclaw.timestamp", bare, "--client", "goose")
    assert other.code == 1
    assert "It is for the client 'openclaw'; --client openclaw tries it" in other.out
    assert verb("test", "openclaw.timestamp", bare, "--client", "gose").code == 2


def test_the_api_is_told_from_the_body_or_named(bodies: Path) -> None:
    user = [{"role": "user", "content": "(now: 20:48) Hi"}]
    shapes = {
        "chat": {"messages": user},
        "messages": {"system": "Be kind.", "messages": user},
        "responses": {"input": user},
    }
    for api, shape in shapes.items():
        data = json.dumps(shape).encode()
        shown = verb("test", "mine.clock", "-", "--json", given=data).json
        assert (shown["api"], shown["matched"]) == (api, ["mine.clock"])
    tools = json.dumps({"messages": user, "tools": [{"name": "ls", "input_schema": {}}]}).encode()
    assert verb("test", "mine.clock", "-", "--json", given=tools).json["api"] == "messages"
    named = verb("test", "mine.clock", "-", "--api", "messages", "--json", given=b'{"messages":[]}')
    assert named.json["api"] == "messages"
    wrong = verb("test", "mine.clock", "-", "--api", "responses", given=b'{"messages":[]}')
    assert (wrong.code, wrong.out) == (2, "")
    assert 'standard input is not a request that rules read: "input" is neither' in wrong.err


def test_a_rule_for_another_api_says_so(bodies: Path) -> None:
    own("mine.toml", CLOCK.replace("title", 'apis = ["responses"]\ntitle'))
    ran = verb("test", "mine.clock", written(bodies, "body.json", ("user", "(now: 20:48) Hi")))
    assert ran.code == 1
    assert "It is for responses, and this is a chat request." in ran.out


FREEZE = """
[[rule]]
id = "mine.branch"
title = "Branch"
does = "Keeps it."
cost = "None."
level = "aggressive"
action = "freeze"
[rule.with]
note = "[{}]"
[[rule.look]]
in = ["system"]
at = "text"
pattern = '(?m)^branch: .*$'
"""


def test_earlier_requests_give_a_rule_its_memory(bodies: Path) -> None:
    own("freeze.toml", FREEZE)
    first = written(bodies, "1.json", ("system", "branch: main"), ("user", "One"))
    second = written(
        bodies, "2.json", ("system", "branch: fix"), ("user", "One"), ("assistant", "1"), ("user", "Two")
    )
    alone = verb("test", "mine.branch", second)
    assert alone.code == 0
    assert "give earlier bodies with --first" in alone.out
    assert "It is off at level safe; here it was tried all the same." in alone.out
    assert "\n-" not in alone.out
    after = verb("test", "mine.branch", second, "--first", first).out
    assert "-branch: fix\n+branch: main\n" in after
    assert "+[branch: fix]\n" in after
    # In their order: the first one counts.
    third = written(bodies, "3.json", ("system", "branch: main"), ("user", "One"))
    kept = verb("test", "mine.branch", third, "--first", second, "--first", first, "--json").json
    assert json.loads(kept["body"])["messages"][0]["content"] == "branch: fix"


def test_all_plays_what_is_on(bodies: Path) -> None:
    own("freeze.toml", FREEZE)
    body = written(
        bodies, "body.json", ("system", f"{OPENCLAW}\nbranch: main"), ("user", "(now: 20:48) What?")
    )
    safe = verb("test", "all", body)
    assert safe.code == 0
    assert "matched  mine.clock  (1 change)" in safe.out
    assert "mine.branch" not in safe.out
    assert "openclaw.timestamp" in next(line for line in safe.out.splitlines() if line.startswith("no match"))
    more = verb("test", "all", body, "--level", "aggressive", "--json").json
    assert {"mine.clock", "mine.branch"} <= set(more["matched"])
    nobody = written(bodies, "nobody.json", ("user", "What?"))
    ran = verb("test", "all", nobody)
    assert ran.code == 1
    assert "--client says whose request it is" in ran.out


def test_json_holds_what_a_program_needs(bodies: Path) -> None:
    body = written(bodies, "body.json", ("user", "(now: 20:48) Hi"))
    shown = verb("test", "mine.clock", body, "--json").json
    edits = [{"rule": "mine.clock", "message": 0, "old": "(now: 20:48) ", "new": ""}]
    assert shown == {
        "api": "chat",
        "client": None,
        "matched": ["mine.clock"],
        "not_matched": [],
        "failures": [],
        "edits": edits,
        "body": '{"messages": [{"role": "user", "content": "Hi"}]}',
    }


def test_foreign_text_moves_no_cursor(bodies: Path) -> None:
    body = written(bodies, "body.json", ("user", "(now: 20:48) \x1b[2Jcleared\u202e"))
    out = verb("test", "mine.clock", body).out
    assert "cleared" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_a_rule_or_file_that_is_not_there_is_misuse(bodies: Path) -> None:
    body = written(bodies, "body.json", ("user", "Hi"))
    assert "Did you mean 'mine.clock'?" in verb("test", "mine.clocks", body).err
    assert verb("test", "mine.clock", bodies / "none.json").code == 2
    assert verb("test", "mine.clock", "-", given=b"[]").code == 2
