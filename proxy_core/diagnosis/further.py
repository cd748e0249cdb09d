"""What else changed behind the place where two prompts part: who mends only the first change gains little."""

from __future__ import annotations

import re
from collections.abc import Iterator

from proxy_core.diagnosis.outline import Component, Outline
from proxy_core.diagnosis.sections import clipped, section
from proxy_core.diagnosis.toolset import changed_tools
from proxy_core.diff.marks import common_start
from proxy_core.verdict import Divergence

_HEADING = re.compile(rb"^#{1,6}[ \t]+(.*\S)", re.MULTILINE)
_MOST = 3
"""Places that are named."""


def further(previous: Outline, current: Outline, parted: Divergence) -> tuple[str, ...]:
    """Other parts of the system text, and the tools, where they changed as well; for a person.

    Args:
        previous: The predecessor.
        current: The prompt.
        parted: Where they part first; only a system text and tools have something behind them to name.
    """
    if parted.part not in ("system", "tools"):
        return ()
    found = [
        f'system, "{clipped(name)}"'
        for name in _sections(previous, current)
        if clipped(name) != parted.detail
    ]
    if parted.part == "system":
        change = changed_tools(previous.tools, current.tools)
        found += [f"tools ({change.detail})"] if change is not None else []
    return tuple(found[:_MOST])


def _sections(previous: Outline, current: Outline) -> Iterator[str]:
    """Headings of sections that both have, and that read otherwise."""
    for old, new in zip(_texts(previous), _texts(current), strict=False):
        if old.same(new):
            continue
        ours, theirs = _by_heading(old.text), _by_heading(new.text)
        changed = [name for name, text in theirs.items() if ours.get(name, text) != text]
        yield from changed
        if not changed:
            yield section(old.text, new.text, common_start(old.text, new.text))


def _texts(outline: Outline) -> list[Component]:
    return [component for component in outline.components if component.kind == "system"]


def _by_heading(text: bytes) -> dict[str, bytes]:
    """The text below each heading; what two headings of one name have is taken together."""
    heads = list(_HEADING.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)]
    found: dict[str, bytes] = {}
    for head, end in zip(heads, ends, strict=False):
        name = head[1].decode(errors="replace").strip("#*:` \t")
        found[name] = found.get(name, b"") + text[head.end() : end].strip()
    return found
