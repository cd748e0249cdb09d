"""All rule files, shipped and a person's own, read as one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from proxy_core.errors import RuleError
from proxy_core.rules.pack import read_pack
from proxy_core.rules.rule import Rule

MOST_BYTES = 1024 * 1024
"""Largest rule file that is read."""


def shipped_rules() -> list[Rule]:
    """The rules that come with kvconsole."""
    return list(_shipped())


@cache
def _shipped() -> tuple[Rule, ...]:
    # Read once: every reload of a person's files takes them in, and playing all their examples takes a while.
    return tuple(rule for file in shipped_files() for rule in read_pack(file.name, file.read_bytes()))


def shipped_files() -> list[Traversable]:
    """The rule files that come with kvconsole, by name."""
    packs = resources.files("proxy_core.rules") / "packs"
    return sorted((p for p in packs.iterdir() if p.name.endswith(".toml")), key=lambda p: p.name)


def user_files(user_dir: Path) -> list[Path]:
    """A person's own rule files, by name; none when there is no such directory."""
    return sorted(user_dir.glob("[!.]*.toml"))


def load_rules(user_dir: Path) -> tuple[Rule, ...]:
    """Every rule there is: all files are read and checked before any rule counts.

    Args:
        user_dir: A person's own rule files, `*.toml`; it need not exist.

    Raises:
        RuleError: A file is wrong; the message has a line for each thing that is.
    """
    rules = shipped_rules()
    own, problems = read_files(user_files(user_dir), rules)
    if problems:
        raise RuleError("\n".join(problems))
    return (*rules, *own)


def read_files(files: Iterable[Path], known: Iterable[Rule]) -> tuple[list[Rule], list[str]]:
    """The rules of files that are right, and a sentence for each thing that is wrong with the others.

    Args:
        files: Rule files.
        known: Rules whose ids are taken.
    """
    rules: list[Rule] = []
    problems: list[str] = []
    taken = {rule.id: rule.source for rule in known}
    for file in files:
        try:
            if not file.exists():
                problems.append(f"{file.name}: there is no such file.")
                continue
            if not file.is_file() or file.stat().st_size > MOST_BYTES:
                problems.append(f"{file.name}: it is no plain file of at most {MOST_BYTES} bytes.")
                continue
            fresh = read_pack(file.name, file.read_bytes())
        except OSError as error:
            problems.append(f"{file.name}: cannot be read: {error.strerror}.")
            continue
        except RuleError as error:
            problems += error.message.splitlines()
            continue
        problems += (
            f"{file.name}: the id {r.id!r} is taken by {taken[r.id]}; choose another."
            for r in fresh
            if r.id in taken
        )
        taken |= {rule.id: rule.source for rule in fresh}
        rules += fresh
    return rules, problems
