"""Keys: each once, each with something behind it, and never more than fit on the line."""

from __future__ import annotations

import pytest

from console.app import ConsoleApp
from console.commands import COMMANDS, IN_PANES, KEY_LINES, PANES, Command, Pane
from console.screens.help import key_page
from console.screens.main import MainScreen
from console.widgets.keyline import MOST_KEYS, Key


def exists(action: str) -> bool:
    owner: type[object] = ConsoleApp if action.startswith("app.") else MainScreen
    return hasattr(owner, f"action_{action.removeprefix('app.').partition('(')[0]}")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.title)
def test_a_command_can_be_carried_out(command: Command) -> None:
    assert exists(command.action)
    assert command.help.endswith(".")
    assert ": " in command.title


def test_keys_are_not_used_twice() -> None:
    keys = [command.key for command in COMMANDS]
    assert len(set(keys)) == len(keys)
    assert len({command.binding.id for command in COMMANDS}) == len(keys)


@pytest.mark.parametrize("pane", PANES)
def test_the_key_line_of_a_pane(pane: Pane) -> None:
    keys: tuple[Key, ...] = KEY_LINES[pane]
    assert 0 < len(keys) <= MOST_KEYS
    assert all(exists(key.action) for key in keys)
    assert sum(len(key.shown) + len(key.label) + 4 for key in keys) <= 80


def test_help_names_every_key() -> None:
    # Long sentences are broken, beside their keys.
    page = " ".join(key_page().plain.split())
    assert all(command.help in page for command in COMMANDS)
    assert all(text in page for _, keys in IN_PANES for _, text in keys)
