"""Which rules a verb lets requests go through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from console.options import over
from console.rules_verbs.book import Book, open_book
from proxy_core.errors import RuleError
from proxy_core.rules import RuleSet
from proxy_core.rules.files import read_files


def ruled(context: click.Context, typed: dict[str, Any]) -> RuleSet:
    """The rules that a kvconsole started now would have, with what `options.rule_options` say over that.

    Raises:
        KvconsoleError: The settings or a rule file are wrong, or there is no such rule.
    """
    book = open_book(over(context.find_root().obj, {"level": typed.pop("level")}))
    which: Sequence[str] = typed.pop("which")
    files = [name for name in which if name.endswith(".toml")]
    ids = {name for name in which if name not in files}
    own, problems = read_files([Path(name) for name in files], book.rules.rules)
    if problems:
        raise RuleError("\n".join(problems))
    rules = (*book.rules.rules, *own)
    known = Book(RuleSet.of(rules, {}), book.level, book.level_source, book.toggles)
    for rule_id in sorted(ids):
        known.need(rule_id)
    # Rules of a file that was named are wanted, whatever level they say.
    added = {rule.id for rule in own}
    return RuleSet(rules, frozenset(ids or book.rules.enabled) | added, book.level)
