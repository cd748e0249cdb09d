"""`rules list`, `rules show` and `rules schema`."""

from __future__ import annotations

import re
import tomllib

import pytest

from proxy_core import paths
from proxy_core.rules import shipped_rules
from proxy_core.rules.rule import LEVELS
from proxy_core.rules.ruleset import RuleSet
from proxy_core.rules.schema import rule_schema
from proxy_core.state import State, save_state
from tests.console_process import finished
from tests.rules_verbs.kit import CLOCK, own, verb

SHIPPED = tuple(shipped_rules())


def listed(out: str) -> dict[str, list[str]]:
    """The cells of each row of a table, by rule id."""
    rows = [re.split(r" {2,}", line) for line in out.split("\n\n")[0].splitlines()]
    assert rows[0] == ["id", "client", "level", "state", "action", "title"]
    return {row[0]: row[1:] for row in rows[1:]}


def test_every_rule_is_listed_with_its_state() -> None:
    own("mine.toml", CLOCK)
    ran = verb("list")
    rows = listed(ran.out)
    assert set(rows) == {rule.id for rule in SHIPPED} | {"mine.clock"}
    assert rows["openclaw.timestamp"] == ["openclaw", "safe", "on", "strip", "OpenClaw message stamps"]
    assert rows["mine.clock"] == ["any", "safe", "on", "strip", "My clock"]
    on = RuleSet.of(SHIPPED, {}, "safe").enabled | {"mine.clock"}
    assert {rule_id for rule_id, row in rows.items() if row[2] == "on"} == on
    assert ran.out.endswith(f"Level safe (default): {len(on)} of {len(rows)} rules are on.\n")
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("level", LEVELS)
def test_the_level_and_the_switches_are_those_in_force(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    save_state(paths.state_file(), State(rules={"openclaw.timestamp": False}, level="careful"))
    chosen = verb("list")
    assert chosen.out.splitlines()[-1].startswith("Level careful (chosen in the console): ")
    assert listed(chosen.out)["openclaw.timestamp"][2] == "off, by you"
    given = {rule["id"]: rule["on"] for rule in verb("list", "--level", level, "--json").json}
    expected = RuleSet.of(SHIPPED, {"openclaw.timestamp": False}, next(n for n in LEVELS if n == level))
    assert {rule_id for rule_id, on in given.items() if on} == expected.enabled
    monkeypatch.setenv("KVCONSOLE_LEVEL", level)
    assert verb("list", "--json").json == verb("list", "--level", level, "--json").json
    assert f"Level {level} (environment KVCONSOLE_LEVEL): " in verb("list").out


def test_one_clients_rules_are_those_that_run_for_it() -> None:
    rows = listed(verb("list", "--client", "goose").out)
    assert {row[0] for row in rows.values()} == {"goose", "any"}
    wrong = verb("list", "--client", "gose")
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err == "Rules: There is no client 'gose'. Did you mean 'goose'?\n"


def test_a_broken_file_is_named_and_the_rest_is_listed() -> None:
    own("broken.toml", "[[rule]]\nid =")
    own("mine.toml", CLOCK)
    ran = verb("list")
    assert ran.code == 0
    assert ran.err.startswith("Rules: broken.toml: ")
    assert set(listed(ran.out)) == {rule.id for rule in SHIPPED}


def test_show_tells_everything() -> None:
    file = own("mine.toml", CLOCK)
    ran = verb("show", "mine.clock")
    facts, _, tables = ran.out.partition("\n\n")
    told = dict(re.split(r" {2,}", line, maxsplit=1) for line in facts.splitlines())
    assert told == {
        "id": "mine.clock",
        "title": "My clock",
        "does": "Removes the clock.",
        "costs": "No time.",
        "client": "any",
        "apis": "chat, messages, responses",
        "level": "safe",
        "state": "on (level safe, default)",
        "action": "strip",
        "file": str(file),
    }
    assert tomllib.loads(tables)["rule"] == {
        key: tomllib.loads(CLOCK)["rule"][0][key] for key in ("look", "example")
    }


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.id)
def test_every_shipped_rule_can_be_shown(rule: object) -> None:
    rule_id = getattr(rule, "id", "")
    ran = verb("show", rule_id)
    assert (ran.code, ran.err) == (0, "")
    shown = verb("show", rule_id, "--json").json
    assert shown["rule"]["id"] == shown["id"] == rule_id
    assert shown["file"].endswith(shown["source"])
    # What is printed below the facts is the rule's own tables, spelled in another way.
    parts = ("with", "look", "example")
    tables = tomllib.loads(ran.out.partition("\n\n")[2]).get("rule", {})
    wanted = {key: shown["rule"][key] for key in parts if key in shown["rule"]}
    if all(text.isprintable() for text in texts(wanted)):
        assert tables == wanted


def texts(value: object) -> list[str]:
    """Every text in a tree, line breaks left out."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value.replace("\n", "")] if isinstance(value, str) else []


def test_a_rule_that_is_not_there_is_named_with_the_nearest() -> None:
    ran = finished("rules", "show", "openclaw.timestamps")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "There is no rule 'openclaw.timestamps'. Did you mean 'openclaw.timestamp'?" in ran.stderr
    assert "`kvconsole rules list` names them all." in verb("show", "zzzzzz").err


def test_the_schema_is_printed_as_json() -> None:
    ran = finished("rules", "schema")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert verb("schema").json == rule_schema()


def test_help_names_every_verb() -> None:
    told = verb("--help").out
    names = ("list", "show", "check", "test", "new", "schema", "forget")
    assert all(f"\n  {name} " in told for name in names)
    assert all(verb(name, "--help").code == 0 for name in names)
