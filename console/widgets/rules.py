"""The rules: what is on, what it did in this run, what it does and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console import levels
from console.model import Model
from console.widgets.rule_lines import (
    Entry,
    Heading,
    More,
    RuleState,
    entries,
    heading_line,
    more_line,
    rule_line,
)
from console.widgets.rule_words import words
from console.widgets.steady_list import SteadyList
from proxy_core.rules import Rule

_BESIDE_FROM = 96
"""Cells from which on the words stand beside the list, and not below it."""
_WORDS_FROM = 12
"""Rows from which on there is room for words below the list."""

_NOTHING = RuleState(on=False, hits=0, stale=False, idle=False)


class RuleList(SteadyList):
    """The rules, one a line; space switches."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "select", "switch rule", id="rules.switch", tooltip="Switch the rule on or off."),
    ]


class RulesPanel(Container):
    """A list of rules, and the words for the one under the cursor."""

    ALLOW_MAXIMIZE = True

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "a",
            "all_clients",
            "all clients",
            show=False,
            id="rules.all-clients",
            tooltip="Show or fold the rules of clients that are not here.",
        ),
    ]

    DEFAULT_CSS = """
    RulesPanel {
        layout: vertical;
        & RuleList { height: 1fr; }
        & #rule-words { height: 9; max-height: 60%; padding: 1 1 0 1; scrollbar-size: 0 1; }
        &.-low #rule-words { display: none; }
        &.-beside {
            layout: horizontal;
            & RuleList { width: 3fr; height: 1fr; }
            & #rule-words { width: 2fr; height: 1fr; max-height: 100%; padding: 0 1 0 2; }
        }
    }
    """

    @dataclass
    class Switched(Message):
        """The person wants a rule on or off."""

        rule_id: str
        on: bool

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model: Model | None = None
        self._entries: list[Entry] = []
        self._drawn: list[Content] = []
        self._hits: dict[str, int] = {}
        self._unfolded = False
        self._touched = False

    def compose(self) -> ComposeResult:
        """The list and the words."""
        yield RuleList(markup=False)
        with VerticalScroll(id="rule-words"):
            yield Static("", markup=False)

    def show(self, model: Model) -> None:
        """Draw the rules in force; the cursor stays on its rule, wherever that is listed now."""
        self._model = model
        self._hits = dict(model.totals.hits)
        self._draw()

    def action_all_clients(self) -> None:
        """Show the rules of clients that have sent nothing, or fold them away."""
        self._unfolded = not self._unfolded
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Words stand beside the list, below it, or nowhere."""
        beside = event.size.width >= _BESIDE_FROM
        self.set_class(beside, "-beside")
        self.set_class(not beside and event.size.height < _WORDS_FROM, "-low")
        self.call_after_refresh(self._draw)

    def on_descendant_focus(self) -> None:
        """From now on the cursor is where the person left it."""
        self._touched = True

    @on(OptionList.OptionSelected)
    def _select(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        entry = self._entry
        if isinstance(entry, More):
            self.action_all_clients()
        elif isinstance(entry, Rule) and self._model is not None:
            self.post_message(self.Switched(entry.id, entry.id not in self._model.rules.enabled))

    @on(OptionList.OptionHighlighted)
    def _highlight(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        listed = self.query_one(RuleList)
        if event.option_index == 1:
            # The heading above the first rule comes into sight with it.
            listed.scroll_home(animate=False, immediate=True)
        self._draw_words()

    @property
    def _entry(self) -> Entry | None:
        at = self.query_one(RuleList).highlighted
        return self._entries[at] if at is not None and at < len(self._entries) else None

    def _draw(self) -> None:
        if self._model is None:
            return
        model = self._model
        listed = self.query_one(RuleList)
        fresh = entries(model.rules.rules, tuple(model.clients), unfolded=self._unfolded)
        lines = [self._line(entry, listed.line_width) for entry in fresh]
        if [entry.id for entry in fresh] == [option.id for option in listed.options]:
            self._entries = fresh
            listed.rewrite(lines, self._drawn)
        else:
            at = self._cursor_in(fresh)
            self._entries = fresh
            pairs = zip(fresh, lines, strict=True)
            options = [Option(line, id=e.id, disabled=isinstance(e, Heading)) for e, line in pairs]
            listed.replace(options, at)
        self._drawn = lines
        self._draw_titles()
        self._draw_words()

    def _cursor_in(self, fresh: list[Entry]) -> int | None:
        """Where the cursor's line is now; at the first rule until the person has been here."""
        places = {entry.id: index for index, entry in enumerate(fresh)}
        entry = self._entry if self._touched else None
        if entry is not None and entry.id in places:
            return places[entry.id]
        # A rule that is folded away leaves the cursor at the line that it is behind.
        behind = next((index for index, e in enumerate(fresh) if isinstance(e, More)), None)
        first = next((index for index, e in enumerate(fresh) if isinstance(e, Rule)), behind)
        return behind if isinstance(entry, Rule) and behind is not None else first

    def _draw_titles(self) -> None:
        if self._model is None:
            return
        rules = self._model.rules
        self.border_title = Content(f"rules · {levels.named(rules.level)}")
        self.set_class(rules.level != "safe", "-above-safe")
        on = len(rules.enabled & {rule.id for rule in rules.rules})
        parts = [f"{on} of {len(rules.rules)} on"]
        if self._model.bypass:
            parts = ["bypassed: b"]
        elif self._model.flips == "new-lanes":
            parts.append("changes: new conversations only")
        if self._unfolded:
            parts.append("all clients: a folds")
        if self._model.problem is not None:
            parts.insert(0, "! rule files")
        self.border_subtitle = Content(" · ".join(parts))

    def _draw_words(self) -> None:
        if self._model is None:
            return
        entry = self._entry
        state = self._state(entry) if isinstance(entry, Rule) else _NOTHING
        said = words(entry, state, self._model.rules, self._model.problem)
        self.query_one("#rule-words Static", Static).update(said)

    def _line(self, entry: Entry, width: int) -> Content:
        match entry:
            case Heading():
                return heading_line(entry, self._model.rules.enabled if self._model else (), width)
            case More():
                return more_line(entry, width)
            case Rule():
                return rule_line(entry, self._state(entry), width)

    def _state(self, rule: Rule) -> RuleState:
        model = self._model
        if model is None:
            return _NOTHING
        on = rule.id in model.rules.enabled
        return RuleState(on, self._hits.get(rule.id, 0), on and rule.id in model.stale, model.bypass)
