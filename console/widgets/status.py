"""The status line: the upstream, where clients connect, and what the day brought."""

from __future__ import annotations

from typing import ClassVar

from rich.console import RenderableType
from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from console import figures
from console.model import Model
from proxy_core.visible import visible

_SIGNS = {"up": "●", "loading": "◐", "down": "○", "unknown": "·"}


class StatusBar(Widget):
    """One line; what does not fit is left out from the least important on."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "status--up",
        "status--loading",
        "status--down",
        "status--quiet",
        "status--name",
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
        """The parts that fit, the first ones from the left, the sums at the right."""
        if self._model is None:
            return Text()
        width = self.content_size.width
        left, right = self._left(self._model), self._right(self._model)
        # Most dispensable last: parts go until the line fits.
        while len(left) + len(right) > 3 and _width(left) + _width(right) + 2 > width:
            (left if len(left) > 4 or len(right) <= 2 else right).pop()
        line = Text("   ").join(left)
        gap = width - line.cell_len - _width(right)
        line.append(" " * max(2, gap))
        line.append_text(Text("   ").join(right))
        line.truncate(width)
        return line

    def _left(self, model: Model) -> list[Text]:
        upstream = model.upstream
        state = {"up": "up", "loading": "loading", "down": "loading"}.get(upstream.state, "quiet")
        state = "down" if upstream.state == "down" else state
        sign = Text(f"{_SIGNS[upstream.state]} ", self._colour(state))
        if upstream.state == "up":
            sign.append(f"llama-server {upstream.build or ''}".rstrip(), Style.null())
        elif upstream.state == "down":
            sign.append(f"llama-server down: {upstream.reason}")
        else:
            sign.append(f"llama-server {upstream.state}")
        route = Text(_route(self._listen, upstream.url), self._colour("quiet"))
        parts = [Text("kvconsole", self._colour("name")), sign, route]
        if upstream.model:
            parts.append(Text(visible(upstream.model)[:32]))
        if upstream.slots:
            parts.append(Text(figures.plural(upstream.slots, "slot"), self._colour("quiet")))
        if upstream.ctx:
            parts.append(Text(f"ctx {figures.tokens_short(upstream.ctx)}", self._colour("quiet")))
        return parts

    def _right(self, model: Model) -> list[Text]:
        on = len(model.rules.enabled & {rule.id for rule in model.rules.rules})
        rules = "bypassed" if model.bypass else f"{on}/{len(model.rules.rules)}"
        today = model.today
        return [
            Text(f"rules {rules}", self._colour("loading") if model.bypass else Style.null()),
            Text(f"today {figures.tokens_short(today.reused)} reused"),
            Text(f"{figures.duration(today.prompt_ms / 1000)} eval"),
            Text(figures.plural(model.totals.requests, "request"), self._colour("quiet")),
        ]

    def _colour(self, name: str) -> Style:
        return self.get_component_rich_style(f"status--{name}", partial=True)


def _route(listen: str, url: str) -> str:
    """`127.0.0.1:1234 → :8080`; the upstream's host is named only where it is another one."""
    host, upstream = listen.rpartition(":")[0], url.partition("//")[2]
    return f"{listen} → {upstream.removeprefix(host) if upstream.startswith(f'{host}:') else upstream}"


def _width(parts: list[Text]) -> int:
    return sum(part.cell_len for part in parts) + 3 * max(0, len(parts) - 1)
