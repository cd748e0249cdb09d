from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.config_file import key_lines, nearest, read_config, unknown_key
from proxy_core.errors import ConfigError

TANGLED = '''# theme = "in a comment"
text = """
listen = "inside a text"
"""
"up\\u0073tream" = "quoted key"
log = [
  "one.log", # rules = true
  "two.log",
]
dotted . key = 1
[table]
history = 3
[[list]]
'''


def _write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "kvconsole.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _error(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    return caught.value.message


def test_keys_are_located_where_their_statement_begins() -> None:
    assert key_lines(TANGLED) == {"text": 2, "upstream": 5, "log": 6, "dotted": 10, "table": 11, "list": 13}


@given(
    st.lists(st.sampled_from(["", "# x = 1", "[t]\n", 'a = """\nb = 1\n"""', "c = [\n1,\n\n2]"]), max_size=6)
)
def test_a_key_after_anything_is_located(before: list[str]) -> None:
    names = {}
    for number, piece in enumerate(before):
        renamed = (
            piece.replace("[t]", f"[t{number}]").replace("a =", f"a{number} =").replace("c =", f"c{number} =")
        )
        names[number] = renamed
    text = "\n".join([*names.values(), "[wanted]"])
    assert key_lines(text)["wanted"] == text.count("\n") + 1


def test_a_huge_list_only_costs_the_lines_after_it() -> None:
    huge = "\n".join(["theme = 'x'", "log = [", *["'a',"] * 20_000, "]", "listen = '1'"])
    assert key_lines(huge) == {"theme": 1}


def test_a_key_inside_a_table_is_not_taken_for_a_setting() -> None:
    assert "history" not in key_lines(TANGLED)


def test_values_and_places_of_a_file(tmp_path: Path) -> None:
    path = _write(tmp_path, "\ufeff# windows\r\ntheme = 'x'\r\n")
    file = read_config(path)
    assert file.values == {"theme": "x"}
    assert file.where("theme") == f"{path}, line 2"
    assert file.where("listen") == str(path)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("\nlisten = localhost", ("line 2", "column 10", "double quotes")),
        ("theme", ("this is not TOML", "key = value")),
        ("a = 1\na = 2\n", ("line 2", "only once")),
        ('log = "C:\\work"', ("line 1", "backslash")),
        ('theme = "x', ("this is not TOML", "config validate")),
        ("a = " + "[" * 5000, ("this is not TOML", "nest too deep")),
        ("a = " + "9" * 5000, ("this is not TOML", "too long")),
        (b"theme = '\xff'", ("UTF-8",)),
        ("a\x1b[31m = 1", ("line 1", "this is not TOML")),
    ],
)
def test_what_is_not_toml_says_where_and_what_to_do(
    tmp_path: Path, text: str | bytes, parts: tuple[str, ...]
) -> None:
    path = _write(tmp_path, text)
    message = _error(path)
    assert message.startswith(str(path))
    assert all(part in message for part in parts), message
    assert message.isprintable()


def test_missing_and_unreadable_files_are_named(tmp_path: Path) -> None:
    assert "no such file" in _error(tmp_path / "none.toml")
    assert str(tmp_path) in _error(tmp_path)


def test_nearest_name_forgives_case_dashes_and_typing() -> None:
    known = ["body_limit", "listen", "log"]
    assert nearest("Body-Limit", known) == "body_limit"
    assert nearest("listn", known) == "listen"
    assert nearest("zzz", known) is None


def test_unknown_keys_name_a_way_out() -> None:
    assert unknown_key("listn", 1, ["listen"]) == 'unknown key "listn". Did you mean "listen"?'
    assert "Known keys: listen, log." in unknown_key("zzz", 1, ["listen", "log"])
    assert "in no table" in unknown_key("proxy", {}, ["listen"])
