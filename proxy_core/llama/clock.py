"""Does a chat template put the time into the prompt? Then the prefix breaks whenever that time moves on.

llama.cpp gives templates `strftime_now(format)`, and `date_string` and `datetime` with the day (b10587).
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

Step: TypeAlias = Literal["second", "minute", "hour", "day"]

_OPENS = re.compile(r"\{[{%]")
_CLOSES = re.compile(r"[%}]\}")
_CALL = re.compile(r"\bstrftime_now\s*\(\s*(['\"])(.*?)\1", re.DOTALL)
_NAME = re.compile(r"(?<![\w.'\"])(date_string|datetime)\b(?!['\"])")
_STEPS: tuple[tuple[Step, str], ...] = (("second", "SsfTXc+r"), ("minute", "MR"), ("hour", "HIklp"))
"""Directives of strftime that move with each step; the others move with the day."""
_MOST = 60


def template_clock(template: str) -> str | None:
    """What in a template asks for the time: `strftime_now('%d %b %Y')`, `date_string` or `datetime`.

    Of several the one that moves the fastest; None where there is none.
    """
    code = _code(template)
    formats = [found[2] for part in code for found in _CALL.finditer(part)]
    if formats:
        fastest = min(formats, key=lambda text: _RANK[_step_of(text)])
        return f"strftime_now({fastest[:_MOST]!r})"
    if any("strftime_now" in part for part in code):
        return "strftime_now"
    names = [found[1] for part in code for found in _NAME.finditer(part)]
    return names[0] if names else None


def clock_step(clock: str) -> Step:
    """How long the prefix holds, for what `template_clock` gave; a call with an unknown format counts as
    `second`, since nobody knows better."""
    if clock == "strftime_now":
        return "second"
    return _step_of(clock.removeprefix("strftime_now(").removesuffix(")"))


def _code(template: str) -> list[str]:
    """What stands in `{{ }}` and `{% %}`."""
    parts: list[str] = []
    end = 0
    while (opens := _OPENS.search(template, end)) and (closes := _CLOSES.search(template, opens.end())):
        parts.append(template[opens.end() : closes.start()])
        end = closes.end()
    return parts


def _step_of(text: str) -> Step:
    directives = {found[1] for found in re.finditer(r"%[-#_0^]?(.)", text)}
    return next((step for step, letters in _STEPS if directives & set(letters)), "day")


_RANK: dict[Step, int] = {"second": 0, "minute": 1, "hour": 2, "day": 3}
