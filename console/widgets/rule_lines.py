"""What stands in the list of rules: grouped by client, the clients that are not there behind one line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from console import figures, levels
from proxy_core.rules import Rule
from proxy_core.rules.rule import LEVELS, Level
from proxy_core.visible import visible

ANY = "any"
"""The client of rules that run for every one."""

_TITLES_FROM = 72
"""Cells of a line from which on the rule's title has room beside its name."""
_WORDS_FROM = 34
"""Cells of a line from which on a level has room for its word."""
_NAME = 20
"""Cells of the name where the title stands beside it; a longer one takes them from the title."""
_HITS = 6
"""Cells of the hits, which are rounded from a hundred thousand on."""
_ROUNDED_FROM = 100_000
_LEVEL = max(len(levels.named(level)) for level in LEVELS)

_QUIET = "$chart-axis"


@dataclass(frozen=True)
class Heading:
    """The rules of one client follow."""

    client: str
    rules: tuple[Rule, ...]

    @property
    def id(self) -> str:
        """No rule has a space in its id."""
        return f"client {self.client}"


@dataclass(frozen=True)
class More:
    """Stands for the rules of clients that have sent nothing."""

    groups: tuple[Heading, ...]
    unfolded: bool
    """Their rules follow nevertheless."""
    id: str = "more clients"

    @property
    def text(self) -> str:
        """`▸ 12 more clients, 40 rules`."""
        clients = len(self.groups)
        rules = figures.plural(sum(len(group.rules) for group in self.groups), "rule")
        return f"{'▾' if self.unfolded else '▸'} {clients} more client{'' if clients == 1 else 's'}, {rules}"


Entry = Heading | More | Rule


@dataclass(frozen=True)
class RuleState:
    """How a rule stands at the moment."""

    on: bool
    hits: int
    stale: bool
    idle: bool
    """It would do nothing now, since all rules are bypassed."""


def entries(rules: Sequence[Rule], seen: Sequence[str], *, unfolded: bool) -> list[Entry]:
    """The list from top to bottom.

    Args:
        rules: All rules there are.
        seen: The clients that have sent something, in the order in which they came.
        unfolded: Whether the rules of all other clients are listed too.
    """
    groups: dict[str, list[Rule]] = {}
    for rule in rules:
        groups.setdefault(rule.client, []).append(rule)
    shown = [client for client in (*seen, ANY) if client in groups]
    listed: list[Entry] = []
    for client in dict.fromkeys(shown):
        listed += _group(client, groups.pop(client))
    if groups:
        rest = tuple(Heading(client, tuple(own)) for client, own in groups.items())
        listed.append(More(rest, unfolded))
        if unfolded:
            for group in rest:
                listed += _group(group.client, group.rules)
    return listed


def _group(client: str, rules: Sequence[Rule]) -> list[Entry]:
    return [Heading(client, tuple(rules)), *rules]


def short(rule: Rule) -> str:
    """The rule's id without the client that stands above it anyway."""
    return _one_line(rule.id.removeprefix(f"{rule.client}.") or rule.id)


def heading_line(heading: Heading, enabled: Collection[str], width: int) -> Content:
    """A client's name, and how many of its rules are on."""
    on = sum(rule.id in enabled for rule in heading.rules)
    name = "any client" if heading.client == ANY else _one_line(heading.client)
    figure = f"{on} of {len(heading.rules)} on"
    name = _fitted(name, max(4, width - cell_len(figure) - 3))
    gap = "─" * max(1, width - cell_len(name) - cell_len(figure) - 2)
    return Content.assemble((name, "bold $text"), (f" {gap} ", "$border-blurred"), (figure, _QUIET))


def more_line(more: More, width: int) -> Content:
    """The line that others are folded behind, with the key that opens and closes it."""
    key = "space folds" if more.unfolded else "space shows"
    text = _fitted(more.text, width)
    gap = width - cell_len(text) - cell_len(key)
    return Content.assemble((text, _QUIET), (f"{' ' * gap}{key}" if gap >= 2 else "", _QUIET))


def rule_line(rule: Rule, state: RuleState, width: int) -> Content:
    """Whether the rule is on, its name, level and hits; `! stale` when it no longer finds anything."""
    level = levels.named(rule.level) if width >= _WORDS_FROM else levels.sign(rule.level)
    level_cells = _LEVEL if width >= _WORDS_FROM else 1
    hits = f"{_hits(state.hits):>{_HITS}}"
    stale = " ! stale" if state.stale else ""
    left = f"{'■' if state.on else '□'} "
    room = max(4, width - len(left) - level_cells - cell_len(hits) - 2)
    beside = width >= _TITLES_FROM
    name = _fitted(short(rule), max(4, room - len(stale)))
    used = cell_len(name) + len(stale)
    column = min(room, max(_NAME, used) + 2) if beside else used
    title = _fitted(_one_line(rule.title), max(0, room - column)) if beside else ""
    faint = "dim " if state.idle or not state.on else ""
    return Content.assemble(
        (left + name, faint.strip()),
        (stale, "bold $chart-mark"),
        (" " * (column - used), ""),
        (title, f"{faint}{_QUIET}"),
        (" " * max(1, room - column - cell_len(title) + 1), ""),
        (f"{level:<{level_cells}} ", _style_of(rule.level, faint)),
        (hits, faint.strip()),
    )


def _hits(number: int) -> str:
    if not number:
        return figures.UNKNOWN
    return figures.count(number) if number < _ROUNDED_FROM else figures.tokens_short(number)


def _style_of(level: Level, faint: str) -> str:
    return f"{faint}{_QUIET if level == 'safe' else '$chart-mark'}"


def _one_line(text: str) -> str:
    return visible(text).replace("\n", "␊")


def _fitted(text: str, cells: int) -> str:
    """`text`, with an ellipsis where it is too long."""
    if cell_len(text) <= cells:
        return text
    return f"{set_cell_size(text, cells - 1).rstrip()}…" if cells > 0 else ""
