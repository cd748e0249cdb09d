"""An action and its parameters: made and checked when a rule file is read."""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

from proxy_core.errors import RuleError
from proxy_core.rules.actions import ACTIONS, Action
from proxy_core.rules.patterns import pattern
from proxy_core.rules.wording import in_words, instead, sentence

_PATTERNS = ("find", "keep", "placeholders")
"""Parameters that are patterns, or lists of them."""
_NOTES = ("note", "mark")
"""Parameters that stand around a text, whose place `{}` holds."""
_GROUP = re.compile(r"\\(\d)")


def action_of(name: str, given: dict[str, Any]) -> Action:
    """The action of a rule.

    Args:
        name: As in `action`.
        given: As in `[rule.with]`.

    Raises:
        RuleError: There is no such action, or its parameters are wrong; the message names the key.
    """
    if name not in ACTIONS:
        raise RuleError(sentence(f"unknown action {name!r}{instead(name, ACTIONS)}"))
    kind = ACTIONS[name]
    known = [field.encode_name for field in msgspec.structs.fields(kind)]
    try:
        action = msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise RuleError(sentence(f"action {name!r}: with: {in_words(str(error), kind)}")) from error
    for key in known:
        _check(name, key, getattr(action, key))
    _check_sense(name, given, action)
    return cast("Action", action)


def _check(action: str, key: str, value: Any) -> None:
    if key in _PATTERNS and value is not None:
        for source in [value] if isinstance(value, str) else value:
            try:
                pattern(source)
            except RuleError as error:
                raise RuleError(f"action {action!r}: with.{key}: {error.message}") from error
    if key in _NOTES and value is not None and value.count("{}") != 1:
        raise RuleError(f"action {action!r}: with.{key} needs {{}} exactly once, where the text is to stand.")


def _check_sense(name: str, given: dict[str, Any], action: msgspec.Struct) -> None:
    """Refuse what could be written but would do nothing, or fail at the first match."""
    find, to = getattr(action, "find", None), getattr(action, "to", "")
    if name == "relocate":
        if find is None and "to" in given:
            raise RuleError("action 'relocate': with.to needs with.find, the pattern that it replaces.")
        groups = pattern(find).groups if find else 0
        if find and (high := max(map(int, _GROUP.findall(to)), default=0)) > groups:
            raise RuleError(
                f"action 'relocate': with.to names group {high}, and with.find has {groups or 'none'}."
            )
    if name == "restore":
        if not given["placeholders"]:
            raise RuleError("action 'restore': with.placeholders is empty, so it could never match.")
        if not 0 < getattr(action, "share", 1) <= 1:
            raise RuleError("action 'restore': with.share is a share of the context, above 0 and up to 1.")
    if name == "canonical-json" and not 0 <= getattr(action, "indent", 0) <= 16:
        raise RuleError("action 'canonical-json': with.indent is a number of spaces from 0 to 16.")
