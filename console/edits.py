"""What rules did to a request, in a few words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from console import figures
from proxy_core.rules import Edit
from proxy_core.visible import visible

_MOST_NAMES = 4


def summary(edits: Sequence[Edit]) -> str:
    """How many edits there are, and by which rules: `5 edits: message-id 3, timestamp, tools`.

    A rule goes by the end of its id where that says which one it is; a rule that made one edit has no count.
    """
    counts = Counter(edit.rule for edit in edits)
    short = Counter(_short(rule) for rule in counts)
    names = [
        f"{rule if short[_short(rule)] > 1 else _short(rule)}{f' {count}' if count > 1 else ''}"
        for rule, count in counts.most_common()
    ]
    more = len(names) - _MOST_NAMES
    if more > 1:
        names = [*names[:_MOST_NAMES], f"{more} more rules"]
    return visible(f"{figures.plural(len(edits), 'edit')}: {', '.join(names)}")


def _short(rule: str) -> str:
    return rule.rpartition(".")[2] or rule
