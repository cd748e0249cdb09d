"""The schema for editors says what the reader takes."""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from typing import Any

import pytest

from proxy_core.rules.actions import ACTIONS
from proxy_core.rules.schema import rule_schema
from proxy_core.rules.tables import LOOK_KEYS, LookTable, keys_of

PACKS = sorted((resources.files("proxy_core.rules") / "packs").iterdir(), key=lambda file: file.name)


def test_it_is_json_and_made_anew() -> None:
    schema = rule_schema()
    assert json.loads(json.dumps(schema)) == schema
    schema["$defs"].clear()
    assert rule_schema()["$defs"]


def test_every_key_is_described() -> None:
    schema = rule_schema()
    tables = [schema, *schema["$defs"].values()]
    assert len(tables) == 5 + len(ACTIONS)
    for table in tables:
        assert table["additionalProperties"] is False
        for key, value in table["properties"].items():
            assert value.get("description"), (table["title"], key)


def test_every_action_is_described() -> None:
    told = rule_schema()["$defs"]["RuleTable"]["properties"]["action"]["description"]
    for name, kind in ACTIONS.items():
        assert f"{name}: {(kind.__doc__ or '').splitlines()[0]}" in told


def test_every_key_of_a_look_has_its_place() -> None:
    places = [keys for pair in LOOK_KEYS.values() for part in pair for keys in part]
    assert set(places) | {"in", "at", "message"} == set(keys_of(LookTable))


@pytest.mark.parametrize("pack", PACKS, ids=[file.name for file in PACKS])
def test_shipped_files_follow_it(pack: Any) -> None:
    schema = rule_schema()
    problems = list(misfits(schema, schema, tomllib.loads(pack.read_text("utf-8")), ""))
    assert problems == []


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        ({"titel": "x"}, ".rule[0]: titel"),
        ({"action": "explode"}, ".rule[0].action"),
        ({"action": "replace", "with": {"ot": "x"}}, ".rule[0].with: ot"),
        ({"look": [{"in": ["robot"]}]}, ".rule[0].look[0].in"),
        ({"look": [{"in": ["system"], "at": "tail", "close": "x"}]}, ".rule[0].look[0]: close"),
    ],
)
def test_what_the_reader_refuses_does_not_follow_it(rule: dict[str, Any], where: str) -> None:
    schema = rule_schema()
    assert any(found.startswith(where) for found in misfits(schema, schema, {"rule": [rule]}, ""))


def misfits(root: dict[str, Any], schema: dict[str, Any], value: Any, path: str) -> list[str]:
    """Where `value` does not follow `schema`, as far as a rule file's schema goes."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        tried = [misfits(root, one, value, path) for one in schema["anyOf"]]
        return [] if [] in tried else [f"{path}: none of {len(tried)}"]
    found = [f"{path}: not one of these" for _ in [0] if "enum" in schema and value not in schema["enum"]]
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
    }
    if "type" in schema and not (schema["type"] != "null" and isinstance(value, kinds[schema["type"]])):
        return [*found, f"{path}: no {schema['type']}"]
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{path}: {key} is missing" for key in schema.get("required", ()) if key not in value]
        names = schema.get("propertyNames", {}).get("enum")
        for key, inner in value.items():
            more = schema.get("additionalProperties", True)
            if key in known:
                found += misfits(root, known[key], inner, f"{path}.{key}")
            elif more is False:
                found.append(f"{path}: {key} is unknown")
            elif isinstance(more, dict):
                found += misfits(root, more, inner, f"{path}.{key}")
            if names is not None and key not in names:
                found.append(f"{path}: {key} means nothing here")
    if isinstance(value, list):
        for number, inner in enumerate(value):
            found += misfits(root, schema.get("items", {}), inner, f"{path}[{number}]")
    for branch in schema.get("allOf", ()):
        constants = branch["if"]["properties"].items()
        if isinstance(value, dict) and all(value.get(key) == const["const"] for key, const in constants):
            found += misfits(root, branch["then"], value, path)
    return found
