"""Theme files: readable colours, and errors that name the place."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App
from textual.color import Color
from textual.theme import Theme

from console.themes import load_themes
from themes import builtin_files

BUILT_IN, _ = load_themes(Path("no-such-directory"))
OWN = ("reuse-good", "reuse-fair", "reuse-poor", "chart-axis", "chart-mark", "chart-measure")
OWN_LOG = ("log-select", "log-timing", "log-warn")


def luminance(colour: str) -> float:
    """Relative luminance as in WCAG 2.1."""
    parts = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in Color.parse(colour).normalized
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def template(name: str = "mine") -> str:
    text = builtin_files()[0].read_text(encoding="utf-8")
    return text.replace('name = "kvconsole-dark"', f'name = "{name}"')


def test_a_dark_and_a_light_theme_ship() -> None:
    assert {theme.name: theme.dark for theme in BUILT_IN} == {
        "kvconsole-dark": True,
        "kvconsole-light": False,
    }


@pytest.mark.parametrize("theme", BUILT_IN, ids=lambda theme: theme.name)
def test_text_is_readable(theme: Theme) -> None:
    roles = ("foreground", "primary", "secondary", "accent", "success", "warning", "error")
    texts = {role: getattr(theme, role) for role in roles}
    texts |= {name: theme.variables[name] for name in (*OWN, *OWN_LOG, "footer-key-foreground")}
    low = {
        (name, ground)
        for name, colour in texts.items()
        for ground in ("background", "surface")
        if contrast(colour, getattr(theme, ground)) < 4.5
    }
    assert low == set()
    variables = theme.variables
    assert contrast(variables["block-cursor-foreground"], variables["block-cursor-background"]) >= 4.5


@pytest.mark.parametrize("theme", BUILT_IN, ids=lambda theme: theme.name)
async def test_textual_takes_them(theme: Theme) -> None:
    app: App[None] = App()
    async with app.run_test():
        app.register_theme(theme)
        app.theme = theme.name
        assert app.current_theme is theme


def test_a_persons_theme_is_added_and_may_take_the_place_of_a_built_in_one(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(template())
    (tmp_path / "b.toml").write_text(template("kvconsole-dark").replace("#6cb6ff", "#00ffff"))
    themes, errors = load_themes(tmp_path)
    assert errors == []
    assert [theme.name for theme in themes] == ["kvconsole-dark", "kvconsole-light", "mine"]
    assert themes[0].accent == "#00ffff"


def test_own_variables_follow_the_roles_that_a_theme_sets(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(template().partition("[variables]")[0])
    theme = load_themes(tmp_path)[0][-1]
    assert theme.variables["reuse-good"] == theme.success
    assert theme.variables.keys() >= {*OWN, *OWN_LOG}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("accent = ", "acent = ", ["line 8", "'acent'", "'accent'"]),
        ('accent = "#6cb6ff"', 'accent = "blueish"', ["line 8", "accent", "blueish"]),
        ("dark = true", 'dark = "yes"', ["dark"]),
        ("[colours]", "[colours", ["TOML"]),
        ('primary = "#6cb6ff"\n', "", ["primary"]),
    ],
)
def test_a_wrong_file_is_named_and_hides_no_other(
    tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    (tmp_path / "bad.toml").write_text(template().replace(old, new, 1))
    (tmp_path / "good.toml").write_text(template("good"))
    themes, errors = load_themes(tmp_path)
    assert [theme.name for theme in themes] == ["kvconsole-dark", "kvconsole-light", "good"]
    (error,) = errors
    assert all(word in error.message for word in ["bad.toml", *words]), error.message


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    assert "bad.toml" in load_themes(tmp_path)[1][0].message
