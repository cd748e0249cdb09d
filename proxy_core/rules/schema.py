"""The JSON schema of a rule file, for editors. What it says of each key is that key's own docstring."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

import msgspec

from proxy_core.rules.actions import ACTIONS
from proxy_core.rules.tables import LOOK_KEYS, PackTable, keys_of

_URL = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{name}"


def rule_schema() -> dict[str, Any]:
    """The schema (JSON schema 2020-12) of a rule file, as a new tree."""
    kinds = [PackTable, *ACTIONS.values()]
    refs, parts = msgspec.json.schema_components(kinds, ref_template=_REF)
    for kind in [PackTable, *_tables(PackTable), *ACTIONS.values()]:
        if kind.__name__ in parts:
            _describe(kind, parts[kind.__name__])
    named = dict(zip(ACTIONS, refs[1:], strict=True))
    _tie_parameters(parts["RuleTable"], named)
    _tie_places(parts["LookTable"])
    return {"$schema": _URL, **parts.pop("PackTable"), "title": "kvconsole rules", "$defs": parts}


def _tables(kind: type) -> list[type]:
    """The tables inside of a table, however deep."""
    found: list[type] = []
    for field in msgspec.structs.fields(kind):
        for inner in _structs(field.type):
            found += [inner, *_tables(inner)]
    return found


def _structs(annotation: Any) -> list[type]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return [annotation]
    return [inner for part in getattr(annotation, "__args__", ()) for inner in _structs(part)]


def _describe(kind: type, schema: dict[str, Any]) -> None:
    """Write the docstrings of a struct's fields into its schema."""
    told = _field_docs(kind)
    for key, field in keys_of(kind).items():
        if field.name in told:
            schema["properties"][key]["description"] = told[field.name]


def _field_docs(kind: type) -> dict[str, str]:
    """The string right below each field of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        text = (
            below.value.value
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            else None
        )
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, str):
            found[field.target.id] = " ".join(text.split())
    return found


def _tie_parameters(rule: dict[str, Any], actions: dict[str, Any]) -> None:
    """Let `with` be what the rule's action takes."""
    rule["properties"]["action"]["enum"] = list(actions)
    told = (f"{name}: {(inspect.getdoc(ACTIONS[name]) or '').splitlines()[0]}" for name in actions)
    rule["properties"]["action"]["description"] += " " + " ".join(told)
    rule["allOf"] = [
        {
            "if": {"properties": {"action": {"const": name}}, "required": ["action"]},
            "then": {"properties": {"with": ref}},
        }
        for name, ref in actions.items()
    ]


def _tie_places(look: dict[str, Any]) -> None:
    """Let a look have the keys of its kind of place."""
    look["allOf"] = [
        {
            "if": {"properties": {"at": {"const": at}}, "required": ["at"]},
            "then": {
                "required": sorted(needed),
                "propertyNames": {"enum": sorted(needed | allowed | {"in", "at", "message"})},
            },
        }
        for at, (needed, allowed) in LOOK_KEYS.items()
    ]
