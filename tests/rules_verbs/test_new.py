"""`rules new`, and the TOML that it writes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.rules_verbs.book import pack_of
from console.rules_verbs.starter import starter
from console.rules_verbs.templates import TEMPLATES
from console.rules_verbs.toml_text import table_lines
from proxy_core import paths
from proxy_core.rules import shipped_rules
from proxy_core.rules.actions import ACTIONS
from proxy_core.rules.pack import read_pack
from tests.rules_verbs.kit import CLOCK, own, verb

CLIENTS = sorted({rule.client for rule in shipped_rules()} - {"any"})


def test_there_is_a_template_for_every_action() -> None:
    assert set(TEMPLATES) == set(ACTIONS)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_passes_the_check_as_it_is(template: str) -> None:
    ran = verb("new", "mine.first", "--template", template)
    file = paths.rules_dir() / "mine.first.toml"
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == str(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert ran.out.splitlines()[-2:] == [
        "  kvconsole rules check",
        "  kvconsole rules test mine.first body.json",
    ]
    assert verb("check") == (0, "1 file, 1 rule: fine, examples and all.\n", "")
    shown = verb("show", "mine.first", "--json").json
    assert (shown["action"], shown["client"]) == (template, "any")
    assert len(shown["rule"]["example"]) == 2
    assert "@" not in file.read_text()
    # One that works without a look would change requests before anybody has had a look at it.
    assert shown["on"] == ("look" in shown["rule"] and shown["level"] == "safe")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_can_be_for_every_client(template: str, client: str) -> None:
    [rule] = read_pack("mine.toml", starter("mine.x", template, client).encode())
    assert rule.client == client
    framed = template in ("strip", "reattach")
    assert (rule.frame is not None) == (framed and bool(pack_of(client)))


def test_a_clients_frame_is_as_shipped() -> None:
    text = starter("mine.x", "strip", "openclaw")
    assert tomllib.loads(text)["frames"] == pack_of("openclaw") != {}
    assert verb("new", "mine.x", "--from-client", "openclaw").code == 0
    assert (paths.rules_dir() / "mine.x.toml").read_text() == text


def test_nothing_is_overwritten() -> None:
    file = own("mine.first.toml", "# my notes, no rule yet\n")
    ran = verb("new", "mine.first")
    assert (ran.code, ran.out) == (2, "")
    assert f"{file} is there already; nothing was written." in ran.err
    assert file.read_text() == "# my notes, no rule yet\n"


@pytest.mark.parametrize(
    ("rule_id", "told"),
    [
        ("mine.clock", "The id 'mine.clock' is taken by mine.toml; choose another."),
        ("any.tools", "The id 'any.tools' is taken by any.toml; choose another."),
        ("Mine", "'Mine' is no id"),
        ("../escape", "'../escape' is no id"),
        ("a/b", "'a/b' is no id"),
        ("a..b", "'a..b' is no id"),
        ("mine.x\n", "is no id"),
    ],
)
def test_an_id_that_will_not_do_is_refused(rule_id: str, told: str) -> None:
    own("mine.toml", CLOCK)
    before = sorted(paths.rules_dir().parent.rglob("*"))
    ran = verb("new", rule_id)
    assert ran.code == 2
    assert told in ran.err
    assert sorted(paths.rules_dir().parent.rglob("*")) == before


def test_unknown_clients_and_templates_are_refused() -> None:
    assert "Did you mean 'openclaw'?" in verb("new", "mine.x", "--from-client", "opencalw").err
    assert verb("new", "mine.x", "--template", "nonsense").code == 2
    assert not paths.rules_dir().exists()


def test_a_directory_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("KVCONSOLE_CONFIG_DIR", str(tmp_path / "file"))
    ran = verb("new", "mine.x")
    assert ran.code == 2
    assert str(tmp_path / "file") in ran.err


TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
PLAIN = st.one_of(TEXT, st.booleans(), st.integers(-(2**62), 2**62))
VALUES: st.SearchStrategy[Any] = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_whatever_is_written_as_toml_reads_back(table: dict[str, Any]) -> None:
    assert tomllib.loads("\n".join(table_lines("[frames.x]", table)))["frames"]["x"] == table
