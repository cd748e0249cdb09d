"""What is wrong in a rule file, in words: msgspec's messages with the rule's id and the nearest known key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from proxy_core.rules.tables import ExampleTable, FrameTable, LookTable, PackTable, RuleTable, Table, keys_of

_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_RULE = re.compile(r"\.rule\[(\d+)\](?:\.(.*))?")
_INDEX = re.compile(r"\[[^\]]*\]")
_TABLES: dict[str, Table] = {
    "": PackTable,
    "rule": RuleTable,
    "rule.look": LookTable,
    "rule.example": ExampleTable,
    "frames": FrameTable,
}


def in_words(problem: str, tree: dict[str, Any]) -> str:
    """A message of msgspec's for a rule file: what, in which rule and key, and what may have been meant.

    Args:
        problem: The message; it ends with a JSON path.
        tree: The file, to find the rule's id.
    """
    text, _, rest = problem.partition(" - at `$")
    path = rest.rstrip("`")
    table = _TABLES.get(_INDEX.sub("", path).lstrip("."))
    words = of_fields(text, keys_of(table) if table else ())
    found = _RULE.match(path)
    if found is None:
        return words + (f" in {path.lstrip('.')}" if path else "")
    rule = tree["rule"][int(found[1])]
    name = rule.get("id", f"number {int(found[1]) + 1}") if isinstance(rule, dict) else found[1]
    return f"rule {name!r}: {words}" + (f" in {found[2]}" if found[2] else "")


def of_fields(problem: str, known: Iterable[str]) -> str:
    """A message about a table's fields, with the nearest known key for an unknown one."""
    keys = sorted(known)
    unknown = _UNKNOWN.search(problem)
    if unknown is not None:
        return f"unknown key `{unknown[1]}`{instead(unknown[1], keys)}"
    return _MISSING.sub(r"missing key `\1`", problem)


def instead(wrong: str, known: Iterable[str]) -> str:
    """The known name that a wrong one is nearest to, or all of them where there are few."""
    names = sorted(known)
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; known: {', '.join(names)}" if names else "; it takes none"
