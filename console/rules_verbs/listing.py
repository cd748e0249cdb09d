"""`kvconsole rules list` and `show`."""

from __future__ import annotations

import json
from typing import Any

from rich.cells import cell_len

from console.rules_verbs.book import Book, action_name, open_book, source_of
from console.rules_verbs.toml_text import table_lines
from proxy_core.rules import Rule
from proxy_core.visible import visible

_HEAD = ("id", "client", "level", "state", "action", "title")


def all_rules(typed: dict[str, Any], client: str | None, *, as_json: bool) -> str:
    """All rules, or those that run for one client, as a table or as JSON.

    Raises:
        KvconsoleError: The settings are wrong, or there is no such client.
    """
    book = open_book(typed)
    if client not in (None, "any"):
        book.need_client(client)
    wanted = [rule for rule in book.rules.rules if client is None or rule.client in (client, "any")]
    if as_json:
        return _json([_facts(book, rule) for rule in wanted])
    rows = [
        (rule.id, rule.client, rule.level, _state(book, rule), action_name(rule), visible(rule.title))
        for rule in wanted
    ]
    on = sum(rule.id in book.rules.enabled for rule in wanted)
    level = f"Level {book.level} ({book.level_source}): {on} of {len(wanted)} rules are on."
    return "\n".join([*_columns([_HEAD, *rows]), "", level])


def one_rule(typed: dict[str, Any], rule_id: str, *, as_json: bool) -> str:
    """All there is to know about one rule.

    Raises:
        KvconsoleError: The settings are wrong, or there is no such rule.
    """
    book = open_book(typed)
    rule = book.need(rule_id)
    path, table = source_of(rule)
    if as_json:
        return _json({**_facts(book, rule), "file": path, "rule": table})
    rows = [
        ("id", rule.id),
        ("title", rule.title),
        ("does", rule.does),
        ("costs", rule.cost),
        ("client", rule.client),
        ("apis", ", ".join(sorted(rule.apis))),
        ("level", rule.level),
        ("state", f"{_state(book, rule)} (level {book.level}, {book.level_source})"),
        ("action", action_name(rule)),
        ("file", path),
    ]
    lines = [f"{name:<8}{visible(text)}" for name, text in rows]
    parts = [("[rule.with]", table["with"])] if "with" in table else []
    for key in ("look", "example"):
        parts += [(f"[[rule.{key}]]", part) for part in table.get(key, ())]
    for header, part in parts:
        lines += ["", *(visible(line) for line in table_lines(header, part))]
    return "\n".join(lines)


def _facts(book: Book, rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "client": rule.client,
        "apis": sorted(rule.apis),
        "level": rule.level,
        "on": rule.id in book.rules.enabled,
        "switched": book.toggles.get(rule.id),
        "action": action_name(rule),
        "does": rule.does,
        "cost": rule.cost,
        "source": rule.source,
    }


def _state(book: Book, rule: Rule) -> str:
    on = "on" if rule.id in book.rules.enabled else "off"
    return f"{on}, by you" if rule.id in book.toggles else on


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
