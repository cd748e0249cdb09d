"""The rules: what is on, what it did in this run, what it does and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from proxy_core.rules import Rule, RuleSet
from proxy_core.visible import visible


class RuleList(OptionList):
    """The rules, one a line; space switches."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "select", "switch rule", id="rules.switch", tooltip="Switch the rule on or off."),
        Binding("j", "cursor_down", "Down", show=False, id="rules.down"),
        Binding("k", "cursor_up", "Up", show=False, id="rules.up"),
    ]

    async def _on_click(self, event: events.Click) -> None:
        """A click on another rule only goes there, so that its words can be read; the next one switches."""
        clicked: int | None = event.style.meta.get("option")
        if clicked is None:
            return
        if clicked == self.highlighted:
            self.action_select()
        else:
            self.highlighted = clicked
        event.prevent_default()


class RulesPanel(Vertical):
    """A list of rules above the words for the one under the cursor."""

    ALLOW_MAXIMIZE = True

    DEFAULT_CSS = """
    RulesPanel {
        & RuleList { height: auto; max-height: 60%; border: none; padding: 0; background: transparent; }
        & RuleList:focus { border: none; }
        & #rule-words { height: 1fr; padding: 1 1 0 1; color: $text-muted; scrollbar-size: 0 1; }
    }
    """

    @dataclass
    class Switched(Message):
        """The person wants a rule on or off."""

        rule_id: str
        on: bool

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rules = RuleSet()
        self._hits: dict[str, int] = {}
        self._bypass = False
        self._problem: str | None = None

    def compose(self) -> ComposeResult:
        """The list and the words."""
        yield RuleList(markup=False)
        with VerticalScroll(id="rule-words"):
            yield Static("", markup=False)

    def show(self, rules: RuleSet, hits: Mapping[str, int], *, bypass: bool, problem: str | None) -> None:
        """Draw a rule set, and what is wrong with the files, if anything is; the cursor stays on its rule."""
        self._problem = problem
        same = [rule.id for rule in rules.rules] == [rule.id for rule in self._rules.rules]
        self._rules, self._hits, self._bypass = rules, dict(hits), bypass
        listed = self.query_one(RuleList)
        if same:
            for index, rule in enumerate(rules.rules):
                listed.replace_option_prompt_at_index(index, self._line(rule))
        else:
            at = listed.highlighted or 0
            listed.clear_options()
            listed.add_options(Option(self._line(rule), id=rule.id) for rule in rules.rules)
            listed.highlighted = min(at, len(rules.rules) - 1) if rules.rules else None
        enabled = len(rules.enabled & {rule.id for rule in rules.rules})
        self.border_subtitle = "bypassed: b" if bypass else f"{enabled} of {len(rules.rules)} on"
        self._words()

    def on_resize(self) -> None:
        """Hits stand at the right edge."""
        if self._rules.rules:
            self.show(self._rules, self._hits, bypass=self._bypass, problem=self._problem)

    @on(OptionList.OptionSelected)
    def _select(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        rule_id = event.option.id
        if rule_id is not None:
            self.post_message(self.Switched(rule_id, rule_id not in self._rules.enabled))

    @on(OptionList.OptionHighlighted)
    def _highlight(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._words()

    def _line(self, rule: Rule) -> Text:
        on = rule.id in self._rules.enabled
        count = self._hits.get(rule.id, 0)
        hits = "–" if not count else "1 hit" if count == 1 else f"{count} hits"
        room = max(12, self.query_one(RuleList).content_size.width - 2)
        name = f"{'■' if on else '□'} {visible(rule.id)}"
        space = room - cell_len(hits) - 1
        if cell_len(name) > space:
            name = f"{set_cell_size(name, max(3, space - 1)).rstrip()}…"
        gap = " " * max(1, room - cell_len(name) - cell_len(hits))
        line = Text(name + gap + hits, no_wrap=True, overflow="ellipsis")
        if self._bypass or not on:
            line.stylize("dim")
        return line

    def _words(self) -> None:
        listed = self.query_one(RuleList)
        rules = self._rules.rules
        if listed.highlighted is None or listed.highlighted >= len(rules):
            words = ""
        else:
            rule = rules[listed.highlighted]
            words = f"{rule.does}\nCost: {rule.cost}\n{rule.level} · {rule.client} · {rule.source}"
        if self._problem is not None:
            words = f"! {self._problem}\nThe rules from before stay in force.\n\n{words}"
        self.query_one("#rule-words Static", Static).update(visible(words))
