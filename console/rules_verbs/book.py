"""The rules as a kvconsole that starts now would have them."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import click

from console.options import load
from proxy_core import paths
from proxy_core.clients import CLIENTS
from proxy_core.errors import ConfigError, RuleError
from proxy_core.rulebook import Rulebook
from proxy_core.rules import Rule, RuleSet
from proxy_core.rules.actions import ACTIONS
from proxy_core.rules.files import shipped_files
from proxy_core.rules.rule import Level
from proxy_core.state import load_state

_NAMES: dict[type, str] = {kind: name for name, kind in ACTIONS.items()}


@dataclass(frozen=True)
class Book:
    """All rules, which of them are on, and why."""

    rules: RuleSet
    level: Level
    level_source: str
    """Where the level comes from, for a person."""
    toggles: dict[str, bool]
    """What the person switched, by rule id."""

    def need(self, rule_id: str) -> Rule:
        """The rule of that id.

        Raises:
            ConfigError: There is none; the message names the nearest.
        """
        rule = self.rules.get(rule_id)
        if rule is None:
            near = difflib.get_close_matches(rule_id, [known.id for known in self.rules.rules], n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "`kvconsole rules list` names them all."
            raise ConfigError(f"There is no rule {rule_id!r}. {hint}", title="Rules")
        return rule

    def need_client(self, client: str) -> None:
        """Check that there is such a client.

        Raises:
            ConfigError: None is recognized by that name or has rules; the message names the clients.
        """
        if client not in self.clients:
            near = difflib.get_close_matches(client, self.clients, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(self.clients)}."
            raise ConfigError(f"There is no client {client!r}. {hint}", title="Rules")

    @cached_property
    def clients(self) -> list[str]:
        """Who is recognized, and whom rules are written for; `any` left out."""
        return sorted(CLIENTS | {rule.client for rule in self.rules.rules} - {"any"})


def open_book(typed: dict[str, Any]) -> Book:
    """Read settings, state and rule files. What is wrong with rule files goes to standard error.

    Raises:
        KvconsoleError: The settings are wrong, or the state cannot be read.
    """
    loaded = load(typed)
    state, problem = load_state(paths.state_file())
    if problem is not None:
        click.echo(f"State: {problem}", err=True)
    level = loaded.settings.level_or(state.level)
    source = loaded.sources["level"]
    if source == "default" and state.level is not None:
        source = "chosen in the console"
    rulebook = Rulebook(paths.rules_dir(), state.rules, level=level, bypass=False)
    if rulebook.problem is not None:
        click.echo(f"{RuleError.title}: {rulebook.problem}", err=True)
        click.echo("None of your own rules counts until that is put right.\n", err=True)
    return Book(rulebook.current, level, source, dict(state.rules))


def action_name(rule: Rule) -> str:
    """The name of a rule's action, as in its file."""
    return _NAMES[type(rule.action)]


def source_of(rule: Rule) -> tuple[str, dict[str, Any]]:
    """The file that a rule comes from, and its table there.

    Raises:
        ConfigError: The file changed since it was read.
    """
    for file in [paths.rules_dir() / rule.source, *shipped_files()]:
        if file.name == rule.source and file.is_file():
            tree = tomllib.loads(file.read_bytes().decode())
            table = next((table for table in tree.get("rule", ()) if table.get("id") == rule.id), None)
            if table is not None:
                return str(file), table
    raise ConfigError(f"{rule.source} changed just now; try again.", title="Rules")


def pack_of(client: str) -> dict[str, Any]:
    """The frames of the shipped file that has the rules for a client, by name; none if it needs none."""
    for file in shipped_files():
        tree = tomllib.loads(file.read_bytes().decode())
        if any(table.get("client") == client for table in tree["rule"]):
            frames: dict[str, Any] = tree.get("frames", {})
            return frames
    return {}
