"""Rule files: TOML in, checked rules out."""

from __future__ import annotations

import re
import tomllib
from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from typing import Any, TypeVar, get_args

import msgspec

from proxy_core.errors import RuleError
from proxy_core.prompt import Api
from proxy_core.rules.actions import PLACED
from proxy_core.rules.anchors import Frame
from proxy_core.rules.examples import check_example
from proxy_core.rules.look import At, Look, end_pattern, line_pattern
from proxy_core.rules.parameters import action_of
from proxy_core.rules.patterns import Pattern, pattern
from proxy_core.rules.rule import Rule
from proxy_core.rules.tables import LOOK_KEYS, FrameTable, LookTable, PackTable, RuleTable, keys_of
from proxy_core.rules.wording import in_words, instead, sentence

T = TypeVar("T", bound=msgspec.Struct)

_ID = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_UNTIL = "#{1,3} .*"
"""The line that ends a section unless its rule says otherwise."""
_KEY_ACTIONS = ("strip", "relocate", "freeze")
"""What can be done to members of a JSON object and leave JSON behind."""


def read_pack(name: str, data: bytes) -> list[Rule]:
    """The rules of one file.

    Args:
        name: The file's name, for messages.
        data: Its bytes.

    Raises:
        RuleError: It is no TOML, has an unknown or wrong key, a pattern RE2 does not know, or an example
            that does not come out as it says. The message has a line for each rule that is wrong, which
            names file, rule and key.
    """
    tree = _tree(name, data)
    entries = tree.pop("rule", [])
    if not isinstance(entries, list):
        raise RuleError(f"{name}: `rule` is a list of tables: write [[rule]], in two pairs of brackets.")
    frames = _frames(name, tree)
    rules: list[Rule] = []
    problems: list[str] = []
    taken: set[str] = set()
    for number, entry in enumerate(entries, 1):
        try:
            rule = replace(_entry(name, entry, frames), digest=_digest(entry, tree))
            if rule.id in taken:
                raise RuleError("the id comes twice in this file; choose another.")
            taken.add(rule.id)
            rules.append(rule)
        except RuleError as error:
            problems.append(f"{name}: rule {_called(entry, number)}: {error.message}")
    if problems:
        raise RuleError("\n".join(problems))
    return rules


def _digest(entry: object, rest: dict[str, Any]) -> str:
    return blake2b(repr((entry, rest)).encode(errors="replace"), digest_size=8).hexdigest()


def made_rule(source: str, table: dict[str, Any]) -> Rule:
    """A rule from its table, checked as one that is read from a file.

    Args:
        source: What to call its file.
        table: A `[[rule]]` as `tomllib` reads it; its looks name no frame.

    Raises:
        RuleError: It is wrong, or an example does not come out as it says.
    """
    return _entry(source, table, {})


def _tree(name: str, data: bytes) -> dict[str, Any]:
    if data.startswith(BOM_UTF8):
        raise RuleError(f"{name}: it begins with a byte order mark; save it as UTF-8 without one.")
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise RuleError(
            f"{name}: the file is not UTF-8 text ({error.reason} at byte {error.start})."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{name}: this is not valid TOML: {error}.") from error
    except RecursionError:
        raise RuleError(f"{name}: it is nested too deeply.") from None


def _called(entry: Any, number: int) -> str:
    """What a person knows a rule by: its id, else which one of the file it is."""
    told = entry.get("id") if isinstance(entry, dict) else None
    return repr(told) if isinstance(told, str) else f"number {number}"


def _entry(source: str, entry: Any, frames: dict[str, Frame]) -> Rule:
    """One rule, its examples played."""
    table = _converted(entry, RuleTable)
    rule = _rule(source, table, frames)
    for number, example in enumerate(table.example, 1):
        check_example(rule, number, example)
    return rule


def _converted(given: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise RuleError(sentence(in_words(str(error), kind))) from error
    except RecursionError:
        raise RuleError("it is nested too deeply.") from None


def _frames(name: str, tree: dict[str, Any]) -> dict[str, Frame]:
    """The frames of a file, from its table without the rules."""
    named = tree.get("frames", {})
    try:
        # Each frame is read by itself below: msgspec would not tell which of them is wrong.
        _converted({**tree, "frames": {}} if isinstance(named, dict) else tree, PackTable)
    except RuleError as error:
        raise RuleError(f"{name}: {error.message}") from error
    found: dict[str, Frame] = {}
    problems: list[str] = []
    for key, entry in named.items():
        try:
            found[key] = _frame(_converted(entry, FrameTable))
        except RuleError as error:
            problems.append(f"{name}: frame {key!r}: {error.message}")
    if problems:
        raise RuleError("\n".join(problems))
    return found


def _frame(table: FrameTable) -> Frame:
    return Frame(
        headings=tuple(_named("headings", heading) for heading in table.headings),
        lines=_any_of("lines", table.lines),
        paragraphs=_any_of("paragraphs", table.paragraphs),
        pieces=_any_of("pieces", table.pieces),
        stamp=_optional("stamp", table.stamp),
        tail=_optional("tail", table.tail, end_pattern),
        carrier=_optional("carrier", table.carrier),
        aside=_optional("aside", table.aside),
    )


def _rule(source: str, table: RuleTable, frames: dict[str, Frame]) -> Rule:
    if not _ID.fullmatch(table.id):
        raise RuleError("an id is made of small letters, digits, dots and dashes.")
    for key in ("title", "does", "cost"):
        if not getattr(table, key).strip():
            raise RuleError(f"`{key}` is empty; a person reads it in the list of rules.")
    if not table.apis:
        raise RuleError(f"`apis` is empty; leave it out for all, or name some of {', '.join(get_args(Api))}.")
    action = action_of(table.action, table.parameters)
    placed = table.action in PLACED
    if placed and not table.look:
        raise RuleError("it has no [[rule.look]], so it could never match.")
    if not placed and table.look:
        raise RuleError(f"action {table.action!r} knows where to look; take the [[rule.look]] out.")
    return Rule(
        id=table.id,
        title=table.title,
        client=table.client,
        apis=frozenset(table.apis),
        level=table.level,
        does=table.does,
        cost=table.cost,
        looks=tuple(_look(look, number, table.action, frames) for number, look in enumerate(table.look, 1)),
        action=action,
        on=table.on,
        rare=table.rare,
        frame=_rules_frame(table, frames),
        source=source,
    )


def _rules_frame(table: RuleTable, frames: dict[str, Frame]) -> Frame | None:
    """The frame that the rule or its looks name, else the file's only one."""
    named = [name for name in (table.frame, *(look.frame for look in table.look)) if name is not None]
    for name in named:
        _known_frame(name, frames)
    if len(set(named)) > 1:
        raise RuleError(f"it names several frames ({', '.join(sorted(set(named)))}); a client has one.")
    if named:
        return frames[named[0]]
    return next(iter(frames.values())) if len(frames) == 1 else None


def _look(table: LookTable, number: int, action: str, frames: dict[str, Frame]) -> Look:
    try:
        return _checked_look(table, action, frames)
    except RuleError as error:
        raise RuleError(f"look {number}: {error.message}") from error


def _checked_look(table: LookTable, action: str, frames: dict[str, Frame]) -> Look:
    at: At = table.at or ("json" if table.keys else "start")
    kinds = frozenset([table.kinds] if isinstance(table.kinds, str) else table.kinds)
    _check_keys(table, at)
    _check_place(table, at, frozenset(kinds), action)
    frame = _known_frame(table.frame, frames) if table.frame is not None else None
    if at == "carrier" and frame is None and len(frames) == 1:
        frame = next(iter(frames.values()))
    if at == "carrier" and (frame is None or frame.carrier is None):
        raise RuleError("at = 'carrier' needs a frame that says how a `carrier` begins.")
    return Look(
        kinds=kinds,
        at=at,
        pattern=_optional("pattern", table.pattern, end_pattern if at == "tail" else pattern),
        frame=frame,
        first_message=table.message == "first",
        section=_optional("section", table.section),
        proof=tuple((key, _named(f"proof.{key}", wanted)) for key, wanted in table.proof.items()),
        keys=frozenset(table.keys),
        heading=_optional("heading", table.heading, line_pattern),
        until=_named("until", table.until or _UNTIL, line_pattern) if at == "section" else None,
        before=_optional("before", table.before),
        fenced=table.fenced is not False,
        last=table.match == "last",
        opens=_optional("open", table.open),
        closes=_optional("close", table.close),
    )


def _check_keys(table: LookTable, at: At) -> None:
    """Every key must mean something where it stands."""
    needed, allowed = LOOK_KEYS[at]
    given = {
        key for key, field in keys_of(LookTable).items() if getattr(table, field.name) not in (None, [], {})
    }
    for key in sorted(needed - given):
        hint = " (at is 'start' unless you say otherwise)" if table.at is None else ""
        raise RuleError(f"at = {at!r} needs the key `{key}`{hint}.")
    for key in sorted(given - needed - allowed - {"in", "at", "message"}):
        places = [repr(place) for place, keys in LOOK_KEYS.items() if key in keys[0] | keys[1]]
        raise RuleError(f"`{key}` means nothing at = {at!r}; it goes with at = {' or '.join(places)}.")


def _check_place(table: LookTable, at: At, kinds: frozenset[str], action: str) -> None:
    """Refuse looks that could never match, and those that could match what a person pasted."""
    written = kinds & {"user", "assistant"}
    if not kinds:
        raise RuleError('`in` is empty; say whose texts: in = ["system"], for instance.')
    if at == "text" and kinds != {"system"}:
        raise RuleError(
            "at = 'text' looks anywhere, so it is for in = [\"system\"] only: elsewhere it could match what "
            "a person pasted. Use at = 'start', 'block', 'tail' or 'whole'."
        )
    if at == "json":
        if (table.section is None) == (table.frame is None):
            raise RuleError("keys are looked for in a section or in a frame's blocks; name one of the two.")
        if table.section is not None and written:
            raise RuleError("a person may paste a section; in user texts name a frame instead.")
        if table.frame is not None and table.before is not None:
            raise RuleError("`before` goes with `section`; a frame's blocks come first anyway.")
        if action not in _KEY_ACTIONS:
            raise RuleError(
                f"action {action!r} would not leave JSON behind; with `keys` use {', '.join(_KEY_ACTIONS)}, "
                "or match the value with at = 'section' and a pattern."
            )
    if at in ("section", "block"):
        if written and kinds - written:
            raise RuleError(
                "in user and assistant texts only a block at the start counts, in the others any: "
                "write a look for each."
            )
        if table.frame is not None and not written:
            raise RuleError("a frame is for user texts; take `frame` out.")
        if table.before is not None and written:
            raise RuleError("in a user's text only what stands at the start counts; take `before` out.")
    if at == "carrier" and (action != "relocate" or kinds != {"user"}):
        raise RuleError('at = \'carrier\' is for action = "relocate" and in = ["user"].')


def _known_frame(name: str, frames: dict[str, Frame]) -> Frame:
    if name not in frames:
        known = instead(name, frames) if frames else "; this file has none"
        raise RuleError(sentence(f"unknown frame {name!r}{known}"))
    return frames[name]


def _any_of(key: str, sources: list[str]) -> Pattern | None:
    """One pattern for several: a text is then looked at once."""
    for source in sources:
        _named(key, source)  # alone first, so that an error names the one that is wrong
    return _named(key, "|".join(f"(?:{source})" for source in sources)) if sources else None


def _optional(key: str, source: str | None, made: Callable[[str], Pattern] = pattern) -> Pattern | None:
    return None if source is None else _named(key, source, made)


def _named(key: str, source: str, made: Callable[[str], Pattern] = pattern) -> Pattern:
    """The pattern under a key, which an error names."""
    if not source:
        raise RuleError(f"`{key}` is an empty pattern; write one, or take the key out.")
    try:
        return made(source)
    except RuleError as error:
        raise RuleError(f"`{key}`: {error.message}.") from error
