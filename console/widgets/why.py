"""The pane that explains the selected turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from console.messages import CloserLookWanted
from console.widgets.scrolled import Scrolled
from console.widgets.turn_columns import moment
from console.widgets.why_figures import figure_lines
from console.widgets.why_lines import Case, advice, evidence, rule_ids, summary, where
from console.widgets.wrapped import QUIET, joined, prose
from proxy_core.visible import visible

_BESIDE_FROM = 96
"""Cells from which on there are two columns: what happened, and what stands behind it."""
_GAP = 3
_WORDS = 76
"""Cells of a line of sentences, where there is nothing else."""
_LOOK_SECONDS = 0.5
"""How long a turn is looked at before its tokens are counted: who steps through turns wants none counted."""


class WhyPane(Scrolled, VerticalScroll, can_focus=True):
    """What the turn lost, where its prompt left the one before, what to do, and how that is known."""

    ALLOW_MAXIMIZE = True

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,enter", "switch", "switch rule", id="why.switch", tooltip="Switch the marked rule."),
        Binding("n", "mark(1)", "Next rule", show=False, id="why.next", tooltip="Mark the next rule."),
        Binding("p", "mark(-1)", "Rule before", show=False, id="why.previous", tooltip="Mark the last one."),
        Binding("j", "scroll_down", "Down", show=False, id="why.down"),
        Binding("k", "scroll_up", "Up", show=False, id="why.up"),
    ]

    DEFAULT_CSS = """
    WhyPane {
        padding: 0 1;
        scrollbar-size: 0 1;
        scrollbar-gutter: stable;
        & > Horizontal { height: auto; }
        & Static { height: auto; width: 1fr; text-wrap: nowrap; }
        & #why-what { width: 11fr; }
        & #why-behind { width: 9fr; display: none; margin-left: 3; }
        &.-beside #why-behind { display: block; }
    }
    """

    @dataclass
    class RuleWanted(Message):
        """The person switches what is advised."""

        rules: tuple[str, ...]
        on: bool

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._case: Case | None = None
        self._marked: str | None = None
        """What the person moved to or switched; it can be undone where it was done."""
        self._empty = ""
        self._look: Timer | None = None
        self._looked_at: int | None = None

    def compose(self) -> ComposeResult:
        """One column, or two."""
        with Horizontal():
            yield Static(markup=False, id="why-what")
            yield Static(markup=False, id="why-behind")

    @property
    def shown(self) -> int | None:
        """Id of the turn that is explained."""
        return self._case.record.id if self._case else None

    @property
    def marked(self) -> str | None:
        """The advised rule, or rules, that space would switch: the first that is off, unless another is."""
        case = self._case
        if case is None:
            return None
        if self._marked in case.switchable:
            return self._marked
        return next((what for what in case.switchable if not case.is_on(what)), None)

    def show_message(self, text: str) -> None:
        """Sentences to show while no turn is selected."""
        self._case, self._empty = None, text
        self._draw()

    def show(self, case: Case) -> None:
        """Explain a turn; what is read stays where it is when only more is known of it."""
        if case == self._case:
            return
        if case.record.id != self.shown:
            self._marked = None
            self.scroll_home(animate=False, immediate=True)
        self._case = case
        self._draw()
        self._look_soon(case)

    def action_switch(self) -> None:
        """Switch what is marked on, or off again."""
        case, marked = self._case, self.marked
        if case is None or marked is None:
            self.notify("No rule is advised for this turn.", timeout=3)
            return
        self._marked = marked
        self.post_message(self.RuleWanted(rule_ids(marked), not case.is_on(marked)))

    def action_mark(self, by: int) -> None:
        """Mark another of the advised rules."""
        rules = self._case.switchable if self._case else ()
        if rules:
            at = rules.index(self.marked) if self.marked in rules else -max(by, 0)
            self._marked = rules[(at + by) % len(rules)]
            self._draw()

    def on_resize(self) -> None:
        """One column or two, in lines of another length."""
        self._draw()

    def _look_soon(self, case: Case) -> None:
        """Have the tokens of the turn counted, once, if it is still looked at in a moment."""
        if self._look is not None:
            self._look.stop()
        predicted = case.diagnosis.predicted if case.diagnosis else None
        by_text = predicted is not None and predicted.source == "structure"
        if by_text and not case.record.recalled and self._looked_at != case.record.id:
            self._look = self.set_timer(_LOOK_SECONDS, self._look_closer)

    def _look_closer(self) -> None:
        if self._case is not None and self.is_on_screen:
            self._looked_at = self._case.record.id
            self.post_message(CloserLookWanted(self._case.record.id))

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        what, behind = self.query_one("#why-what", Static), self.query_one("#why-behind", Static)
        # A cell before the scroll bar.
        width = max(20, self.scrollable_content_region.width - 1)
        case = self._case
        self.border_title = Content("why" if case is None else f"why · request {case.record.id}")
        self.border_subtitle = Content(_about(case))
        beside = case is not None and width >= _BESIDE_FROM
        self.set_class(beside, "-beside")
        if case is None:
            what.update(joined([prose(Content.styled(self._empty, QUIET), min(width, _WORDS))]))
            return
        left = (width - _GAP) * 11 // 20 if beside else width
        right = width - _GAP - left if beside else width
        first = [summary(case, left), where(case, left)]
        then = [advice(case, right, self.marked), evidence(case, right), figure_lines(case, right)]
        what.update(joined(first if beside else [*first, *then]))
        behind.update(joined(then if beside else []))


def _about(case: Case | None) -> str:
    """When it was, and whose request it is."""
    if case is None:
        return ""
    exchange = case.record.exchange
    parts = [moment(case.record), *(part for part in (exchange and exchange.client,) if part)]
    return visible(" · ".join(parts))
