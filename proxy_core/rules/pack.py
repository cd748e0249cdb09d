"""Rule files: TOML in, checked rules out."""

from __future__ import annotations

import re
import tomllib
from typing import Any, get_args

import msgspec

from proxy_core.errors import RuleError
from proxy_core.prompt import Api, Kind, parse
from proxy_core.rules.actions import ACTIONS
from proxy_core.rules.anchors import Frame
from proxy_core.rules.patterns import Pattern, pattern
from proxy_core.rules.rule import Level, Look, Rule
from proxy_core.rules.ruleset import RuleSet

_ID = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")


class FrameTable(msgspec.Struct, forbid_unknown_fields=True):
    """`[frames.NAME]`: how a client decorates a message."""

    headings: list[str]
    lines: list[str] = []
    paragraphs: list[str] = []


class LookTable(msgspec.Struct, forbid_unknown_fields=True):
    """`[[rule.look]]`: a place, and what is matched there."""

    kinds: list[Kind] = msgspec.field(name="in")
    section: str | None = None
    before: str | None = None
    frame: str | None = None
    proof: dict[str, str] = {}
    keys: list[str] = []
    pattern: str | None = None


class ExampleTable(msgspec.Struct, forbid_unknown_fields=True):
    """`[[rule.example]]`: a text of one kind, before and after the rule. Checked when the file is read."""

    kind: Kind = msgspec.field(name="in")
    before: str
    after: str


class RuleTable(msgspec.Struct, forbid_unknown_fields=True):
    """`[[rule]]`."""

    id: str
    title: str
    does: str
    cost: str
    look: list[LookTable]
    client: str = "any"
    apis: list[Api] = msgspec.field(default_factory=lambda: list(get_args(Api)))
    level: Level = "safe"
    action: str = "strip"
    on: bool = True
    example: list[ExampleTable] = []


class PackTable(msgspec.Struct, forbid_unknown_fields=True):
    """A whole rule file."""

    rule: list[RuleTable] = []
    frames: dict[str, FrameTable] = {}


def read_pack(name: str, data: bytes) -> list[Rule]:
    """The rules of one file.

    Args:
        name: The file's name, for messages.
        data: Its bytes.

    Raises:
        RuleError: It is no TOML, has an unknown or wrong key, a pattern RE2 does not know, or an example
            that does not come out as it says. The message names file, rule and key.
    """
    try:
        tree: dict[str, Any] = tomllib.loads(data.decode())
        table = msgspec.convert(tree, PackTable)
    except UnicodeDecodeError as error:
        raise RuleError(
            f"{name}: the file is not UTF-8 text ({error.reason} at byte {error.start})."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{name}: this is not valid TOML: {error}.") from error
    except RecursionError:
        raise RuleError(f"{name}: it is nested too deeply.") from None
    except msgspec.ValidationError as error:
        raise RuleError(f"{name}: {_in_words(str(error), tree)}.") from error
    rules = []
    for entry in table.rule:
        try:
            rule = _rule(name, entry, {key: _frame(frame) for key, frame in table.frames.items()})
            _check_examples(rule, entry.example)
        except RuleError as error:
            raise RuleError(f"{name}: rule {entry.id!r}: {error.message}") from error
        rules.append(rule)
    return rules


def _rule(source: str, table: RuleTable, frames: dict[str, Frame]) -> Rule:
    if not _ID.fullmatch(table.id):
        raise RuleError("an id is made of small letters, digits, dots and dashes.")
    if table.action not in ACTIONS:
        raise RuleError(f"unknown action {table.action!r}; known: {', '.join(ACTIONS)}.")
    if not table.look:
        raise RuleError("it has no [[rule.look]], so it could never match.")
    return Rule(
        id=table.id,
        title=table.title,
        client=table.client,
        apis=frozenset(table.apis),
        level=table.level,
        does=table.does,
        cost=table.cost,
        looks=tuple(_look(look, frames) for look in table.look),
        action=ACTIONS[table.action](),
        on=table.on,
        source=source,
    )


def _look(table: LookTable, frames: dict[str, Frame]) -> Look:
    if table.section is not None and (table.frame is not None or table.pattern is not None):
        raise RuleError("a look has either a section with keys, or a frame or pattern, not both.")
    if not table.keys and table.pattern is None:
        raise RuleError("a look needs keys to remove or a pattern that matches at the text's start.")
    if table.keys and table.section is None and table.frame is None:
        raise RuleError("keys are looked for in a section or in a frame's blocks; name one.")
    if table.frame is not None and table.frame not in frames:
        known = ", ".join(frames) or "none"
        raise RuleError(f"unknown frame {table.frame!r}; this file's frames: {known}.")
    return Look(
        kinds=frozenset(table.kinds),
        section=_optional(table.section),
        before=_optional(table.before),
        frame=frames[table.frame] if table.frame else None,
        proof=tuple((key, pattern(wanted)) for key, wanted in table.proof.items()),
        keys=frozenset(table.keys),
        pattern=_optional(table.pattern),
    )


def _frame(table: FrameTable) -> Frame:
    headings = tuple(pattern(heading) for heading in table.headings)
    return Frame(headings, _any_of(table.lines), _any_of(table.paragraphs))


def _any_of(sources: list[str]) -> Pattern | None:
    """One pattern for several: a text is then looked at once."""
    for source in sources:
        pattern(source)  # alone first, so that an error names the one that is wrong
    return pattern("|".join(f"(?:{source})" for source in sources)) if sources else None


def _optional(source: str | None) -> Pattern | None:
    return None if source is None else pattern(source)


def _check_examples(rule: Rule, examples: list[ExampleTable]) -> None:
    for number, example in enumerate(examples, 1):
        body = {"messages": [{"role": example.kind, "content": example.before}]}
        prompt = parse("chat", msgspec.json.encode(body))
        result = RuleSet((rule,), frozenset({rule.id})).apply(prompt, None)
        if result.failures:
            raise RuleError(f"example {number}: {result.failures[0]}.")
        after = msgspec.json.decode(result.body)["messages"][0]["content"]
        if "chat" in rule.apis and after != example.after:
            raise RuleError(f"example {number} gives {after!r}, not {example.after!r}.")


def _in_words(problem: str, tree: dict[str, Any]) -> str:
    """msgspec's message with the rule's id in place of a JSON path, where there is one."""
    text, _, path = problem.partition(" - at `$")
    found = re.match(r"\.rule\[(\d+)\](?:\.(.*))?`", path)
    text = text.replace("Object contains unknown field", "unknown key").replace(
        "Object missing required field", "missing key"
    )
    if found is None:
        return text + (f" in {path.rstrip('`').lstrip('.')}" if path.strip("`") else "")
    rule = tree["rule"][int(found[1])]
    name = rule.get("id", f"number {int(found[1]) + 1}") if isinstance(rule, dict) else found[1]
    return f"rule {name!r}: {text}" + (f" in {found[2]}" if found[2] else "")
