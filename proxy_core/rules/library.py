"""All rule files, shipped and a person's own, read as one."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from proxy_core.errors import RuleError
from proxy_core.rules.pack import read_pack
from proxy_core.rules.rule import Rule

MOST_BYTES = 1024 * 1024
"""Largest rule file that is read."""


def shipped_rules() -> list[Rule]:
    """The rules that come with kvconsole."""
    packs = resources.files("proxy_core.rules") / "packs"
    files = sorted((p for p in packs.iterdir() if p.name.endswith(".toml")), key=lambda p: p.name)
    return [rule for file in files for rule in read_pack(file.name, file.read_bytes())]


def load_rules(user_dir: Path) -> tuple[Rule, ...]:
    """Every rule there is: all files are read and checked before any rule counts.

    Args:
        user_dir: A person's own rule files, `*.toml`; it need not exist.

    Raises:
        RuleError: A file is wrong; the message has a line for each file that is.
    """
    rules = shipped_rules()
    problems: list[str] = []
    for file in sorted(user_dir.glob("[!.]*.toml")):
        try:
            if not file.is_file() or file.stat().st_size > MOST_BYTES:
                problems.append(f"{file.name}: it is no plain file of at most {MOST_BYTES} bytes.")
                continue
            fresh = read_pack(file.name, file.read_bytes())
        except OSError as error:
            problems.append(f"{file.name}: cannot be read: {error.strerror}.")
            continue
        except RuleError as error:
            problems.append(error.message)
            continue
        taken = {rule.id: rule.source for rule in rules}
        doubles = [rule for rule in fresh if rule.id in taken]
        problems += (
            f"{file.name}: the id {r.id!r} is taken by {taken[r.id]}; choose another." for r in doubles
        )
        rules += fresh
    if problems:
        raise RuleError("\n".join(problems))
    return tuple(rules)
