"""The status line: the upstream, where clients connect, and what was reused and saved."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from rich.console import RenderableType
from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from console import figures, levels
from console.model import Model
from proxy_core.ledger import Amount
from proxy_core.llama.facts import Upstream
from proxy_core.visible import visible

_SIGNS = {"up": "●", "loading": "◐", "down": "○", "unknown": "·"}


class _Part(NamedTuple):
    """A piece of the line; the lightest ones go first where there is no room."""

    weight: int
    text: Text


class StatusBar(Widget):
    """One line; what does not fit is left out, the least important first."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "status--up",
        "status--loading",
        "status--down",
        "status--quiet",
        "status--name",
        "status--careful",
        "status--aggressive",
    }

    DEFAULT_CSS = """
    StatusBar {
        height: 1;
        padding: 0 1;
        background: $panel;
        & .status--up { color: $reuse-good; }
        & .status--loading { color: $reuse-fair; }
        & .status--down { color: $reuse-poor; text-style: bold; }
        & .status--quiet { color: $chart-axis; }
        & .status--name { color: $accent; text-style: bold; }
        & .status--careful { color: $chart-mark; text-style: bold; }
        & .status--aggressive { color: $background; background: $chart-mark; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model: Model | None = None
        self._listen = ""

    def show(self, model: Model, listen: str) -> None:
        """Draw the facts; `listen` is where clients connect."""
        self._model, self._listen = model, listen
        self.refresh()

    def render(self) -> RenderableType:
        """The parts that fit: the upstream's from the left, the sums at the right."""
        if self._model is None:
            return Text()
        width = self.content_size.width
        left, right = self._left(self._model), self._right(self._model)
        while len(left) + len(right) > 1 and _width(left) + _width(right) + 2 > width:
            side = min((left, right), key=lambda parts: min((p.weight for p in parts), default=99))
            side.remove(min(side, key=lambda part: part.weight))
        line = Text("   ").join(part.text for part in left)
        line.append(" " * max(2, width - line.cell_len - _width(right)))
        line.append_text(Text("   ").join(part.text for part in right))
        line.truncate(width)
        return line

    def _left(self, model: Model) -> list[_Part]:
        upstream = model.upstream
        parts = [
            _Part(2, Text("kvconsole", self._colour("name"))),
            _Part(10, self._state(upstream)),
            _Part(8, Text(_route(self._listen, upstream.url), self._colour("quiet"))),
        ]
        if upstream.model:
            parts.append(_Part(6, Text(visible(upstream.model)[:32])))
        if upstream.slots:
            parts.append(_Part(3, Text(figures.plural(upstream.slots, "slot"), self._colour("quiet"))))
        if upstream.ctx:
            parts.append(_Part(1, Text(f"ctx {figures.tokens_short(upstream.ctx)}", self._colour("quiet"))))
        return parts

    def _state(self, upstream: Upstream) -> Text:
        names = {"up": "up", "loading": "loading", "down": "down"}
        text = Text(f"{_SIGNS[upstream.state]} ", self._colour(names.get(upstream.state, "quiet")))
        if upstream.state == "up":
            return text.append(f"llama-server {upstream.build or ''}".rstrip())
        if upstream.state == "down":
            return text.append(f"llama-server down: {upstream.reason}")
        return text.append(f"llama-server {upstream.state}")

    def _right(self, model: Model) -> list[_Part]:
        today, totals = model.today, model.totals
        parts = self._rules(model) + self._journal(model)
        if totals.reused + totals.evaluated:
            share = totals.reused / (totals.reused + totals.evaluated)
            parts.append(_Part(7, Text(f"reused {figures.share(share)}")))
        if (saved := _saved(model.ledger.total.saved)) is not None:
            parts.append(_Part(8, Text(saved)))
        return [
            *parts,
            _Part(5, Text(f"today {figures.tokens_short(today.reused)} reused", self._colour("quiet"))),
            _Part(1, Text(f"{figures.duration(today.prompt_ms / 1000)} eval", self._colour("quiet"))),
            _Part(4, Text(figures.plural(totals.requests, "request"), self._colour("quiet"))),
        ]

    def _rules(self, model: Model) -> list[_Part]:
        if model.bypass:
            return [_Part(9, Text("rules bypassed", self._colour("loading")))]
        rules = model.rules
        on = len(rules.enabled & {rule.id for rule in rules.rules})
        text = Text(f"rules {on}/{len(rules.rules)} ")
        if rules.level == "safe":
            text.append("safe", self._colour("quiet"))
        else:
            # Whoever runs with more than safe rules sees it from afar.
            room = " " if rules.level == "aggressive" else ""
            text.append(f"{room}{levels.named(rules.level)}{room}", self._colour(rules.level))
        parts = [_Part(9, text)]
        if stale := len(model.stale & rules.enabled):
            parts.append(_Part(8, Text(f"! {stale} stale", self._colour("careful"))))
        return parts

    def _journal(self, model: Model) -> list[_Part]:
        """Nothing while every request is kept, or none is to be; the lanes pane says what happened."""
        journal = model.journal
        if not (journal.dropped or journal.problem):
            return []
        what = f"−{figures.count(journal.dropped)}" if journal.dropped else "!"
        return [_Part(8, Text(f"journal {what}", self._colour("loading")))]

    def _colour(self, name: str) -> Style:
        return self.get_component_rich_style(f"status--{name}", partial=True)


def _saved(saved: Amount) -> str | None:
    """What rules saved since the start, in time, or in tokens while the server's speed is unknown."""
    if not saved.tokens:
        return None
    if saved.ms < 500:
        return f"saved {figures.tokens_short(saved.tokens)} tokens"
    return f"saved {figures.duration(saved.ms / 1000)}"


def _route(listen: str, url: str) -> str:
    """`127.0.0.1:1234 → :8080`; the upstream's host is named only where it is another one."""
    host, upstream = listen.rpartition(":")[0], url.partition("//")[2]
    return f"{listen} → {upstream.removeprefix(host) if upstream.startswith(f'{host}:') else upstream}"


def _width(parts: list[_Part]) -> int:
    return sum(part.text.cell_len for part in parts) + 3 * max(0, len(parts) - 1)
