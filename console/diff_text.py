"""A unified diff on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

import click

from proxy_core.visible import visible

COLOURS = {"-": "red", "+": "green", "@": "cyan"}
"""By the sign that a line begins with, which says the same."""


def echo_diff(lines: Iterable[str]) -> None:
    """Print the lines, in colours where those are shown."""
    for line in lines:
        colour = COLOURS.get(line[:1])
        click.echo(click.style(visible(line), fg=colour) if colour else visible(line))
