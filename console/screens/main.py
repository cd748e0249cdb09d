"""The main screen: charts, turns, why, diff, slots and lanes, rules and log."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from console.commands import COMMANDS, KEY_LINES, PANES, Pane
from console.messages import BodiesWanted, PageWanted, RuleSwitchWanted
from console.model import Changes, Model
from console.screens import empty
from console.screens.charts import Charts
from console.screens.request_diff import RequestDiff
from console.widgets.keyline import KeyLine
from console.widgets.lanes import LaneList, LanesPanel
from console.widgets.log import LogPane
from console.widgets.log_box import LogBox
from console.widgets.rules import RuleList, RulesPanel
from console.widgets.status import StatusBar
from console.widgets.turns import TurnsTable
from console.widgets.why import WhyPane
from console.widgets.why_lines import Case
from proxy_core.exchange import Bodies, Record
from proxy_core.settings import Settings

_FOCUS: dict[Pane, type[Widget]] = {
    "turns": TurnsTable,
    "why": WhyPane,
    "diff": RequestDiff,
    "lanes": LaneList,
    "rules": RuleList,
    "log": LogPane,
}


class PaneBox(Vertical):
    """A pane made of several widgets, which can be maximized as one."""

    ALLOW_MAXIMIZE = True


class MainScreen(Screen[None]):
    """Shows a Model; tells the app by messages what the person wants."""

    TITLE = "kvconsole"
    BINDINGS: ClassVar[list[BindingType]] = [command.binding for command in COMMANDS]

    def __init__(self, model: Model, settings: Settings, address: str) -> None:
        super().__init__()
        self._model = model
        self._settings = settings
        self._address = address
        self._pane: Pane = "turns"
        self._below: Pane = "why"
        """The pane below the turns where there is room for one."""
        self._with_lanes = False
        """Whether slots and lanes have the diff's place where there is room for all else."""
        self.complete = False
        """Whether every widget is there to be drawn on."""

    def compose(self) -> ComposeResult:
        """Everything is there from the start; layouts show and hide."""
        yield StatusBar(id="status")
        yield Charts(id="charts")
        with Container(id="panes"):
            with PaneBox(id="turns", classes="pane") as turns:
                turns.border_title = "turns"
                yield Static(empty.turns(self._address, self._model), id="no-turns", markup=False)
                yield TurnsTable()
            yield WhyPane(id="why", classes="pane")
            diff = RequestDiff(self._address, id="diff", classes="pane")
            diff.border_title = "request"
            yield diff
            lanes = LanesPanel(id="lanes")
            lanes.add_class("pane")
            yield lanes
            yield LogBox(id="log", classes="pane")
            rules = RulesPanel(id="rules")
            rules.add_class("pane")
            yield rules
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin with what is known; the charts and the table fill as turns come."""
        self.query_one(WhyPane).show_message(empty.why_waiting())
        self.query_one(RequestDiff).show_message(empty.diff_waiting())
        self.query_one(LogPane).show_empty(empty.log(self._settings))
        self._lay_out(self.app.size.width, self.app.size.height)
        changes = Changes(records=dict(self._model.records), rules=True, facts=True, lanes=True)
        self.show(changes)
        self.query_one(TurnsTable).focus()
        self.complete = True

    def show(self, changes: Changes) -> None:
        """Draw what changed in the model."""
        if changes.facts:
            self.query_one(StatusBar).show(self._model, self._address)
        if changes.rules:
            self.query_one(RulesPanel).show(self._model)
            self.query_one(StatusBar).show(self._model, self._address)
        if changes.lines:
            self.query_one(LogPane).add(changes.lines)
        table = self.query_one(TurnsTable)
        if changes.records or changes.dropped:
            with self.app.batch_update():
                table.drop(changes.dropped)
                table.put(changes.records.values())
                self._show_charts()
                self._title_turns()
            self._want_bodies()
        if changes.records or changes.rules or changes.lines:
            self._explain()
        if changes.lanes:
            self._show_lanes()
        any_turn = bool(self._model.records)
        table.display = any_turn
        no_turns = self.query_one("#no-turns", Static)
        no_turns.display = not any_turn
        if changes.facts and not any_turn:
            no_turns.update(empty.turns(self._address, self._model))

    def show_bodies(self, wish: BodiesWanted, bodies: Bodies | None, before: Bodies | None) -> None:
        """Compare a request's bodies, or say why there are none; `before` are those of its predecessor."""
        diff = self.query_one(RequestDiff)
        diff.show_bodies(wish, self._selected, bodies, before, bypass=self._model.bypass)

    def tick(self) -> None:
        """Let the clocks of turns under way go on, and those of conversations that are looked at."""
        if self.query_one(TurnsTable).tick():
            self._show_charts()
        lanes = self.query_one(LanesPanel)
        if lanes.is_on_screen:
            lanes.redraw()

    def select(self, record_id: int) -> None:
        """Put the cursor of the table on a turn."""
        self.query_one(TurnsTable).select(record_id)

    def action_pane(self, name: Pane) -> None:
        """Show a pane and give it the focus."""
        if self.maximized is not None:
            self.minimize()
        if name != "log":
            self.query_one(LogBox).end_search()
        self._choose(name)
        # At once, so that the next key is the pane's, however fast it follows.
        self.set_focus(self.query_one(_FOCUS[name]))
        if name in ("why", "diff"):
            # Who reads about a request must not have it taken away by the next one.
            self.query_one(TurnsTable).hold()
            self._title_turns()

    def action_zoom(self) -> None:
        """Maximize the focused pane, or give its room back."""
        if self.maximized is not None:
            self.minimize()
        elif (pane := self._focused_pane()) is not None:
            self.maximize(pane, container=False)
            self.notify("z or escape gives the room back.", timeout=3)

    def action_step(self, by: int) -> None:
        """Select the request before or after."""
        self.query_one(TurnsTable).step(by)

    def action_follow(self) -> None:
        """Select the newest turn and stay with it."""
        self.query_one(TurnsTable).action_newest()
        self._title_turns()

    def action_compare(self) -> None:
        """Compare with the other of raw and previous; a diff that is not there comes."""
        diff = self.query_one(RequestDiff)
        diff.turn_over()
        if diff.is_on_screen:
            self._want_bodies()
        else:
            self.action_pane("diff")

    def action_export(self) -> None:
        """Write the selected request as a page."""
        record = self._selected
        if record is None:
            self.notify("There is no request yet.", timeout=3)
        elif record.name is None or record.exchange is None or record.open:
            self.notify(empty.no_page(record), timeout=6)
        else:
            self.post_message(PageWanted(record.name))

    def action_switch_advised(self) -> None:
        """Switch the rule that is marked in the advice."""
        self.query_one(WhyPane).action_switch()

    def action_lane_turn(self) -> None:
        """Go to the latest turn of the conversation under the cursor."""
        self.query_one(LaneList).action_select()

    def action_switch_rule(self) -> None:
        """Switch the rule under the cursor."""
        self.query_one(RuleList).action_select()

    def action_all_clients(self) -> None:
        """Show or fold the rules of clients that are not here."""
        self.query_one(RulesPanel).action_all_clients()

    def action_diff_change(self, step: int) -> None:
        """Go to the next or previous change."""
        self.query_one(RequestDiff).action_change(step)

    def action_search_log(self) -> None:
        """Search the log."""
        self.query_one(LogPane).action_search()

    def action_follow_log(self) -> None:
        """Follow the log's end, or stay."""
        self.query_one(LogPane).action_toggle_follow()

    def on_resize(self, event: events.Resize) -> None:
        """Choose the layout for the terminal's size."""
        self._lay_out(event.size.width, event.size.height)

    @on(KeyLine.Clicked)
    async def _clicked(self, event: KeyLine.Clicked) -> None:
        await self.run_action(event.action)

    def on_descendant_focus(self) -> None:
        """The pane that has the focus is the chosen one, and the key line shows its keys."""
        pane = self._focused_pane()
        name: Pane = next((p for p in PANES if pane is not None and pane.id == p), "turns")
        self._choose(name)
        self._show_keys()

    @on(TurnsTable.Picked)
    def _picked(self, event: TurnsTable.Picked) -> None:
        self.query_one(Charts).select(event.record_id)
        self._title_turns()
        self._explain()
        self._want_bodies()

    @on(TurnsTable.Held)
    def _held(self) -> None:
        self._title_turns()

    @on(TurnsTable.Opened)
    def _opened(self) -> None:
        self.action_pane("diff")

    @on(Charts.Picked)
    def _picked_in_chart(self, event: Charts.Picked) -> None:
        self.select(event.record_id)

    @on(RulesPanel.Switched)
    def _switched(self, event: RulesPanel.Switched) -> None:
        self.post_message(RuleSwitchWanted(event.rule_id, event.on))

    @on(WhyPane.RuleWanted)
    def _advised(self, event: WhyPane.RuleWanted) -> None:
        for rule in event.rules:
            self.post_message(RuleSwitchWanted(rule, event.on))

    @on(LanesPanel.Opened)
    def _lane_opened(self, event: LanesPanel.Opened) -> None:
        turns = (r for r in reversed(self._model.turns()) if r.exchange and r.exchange.lane == event.lane)
        latest = next(turns, None)
        if latest is None:
            self.notify("Its turns are no longer kept.", timeout=3)
        else:
            self.select(latest.id)
            self.action_pane("why")

    async def key_escape(self) -> None:
        """Leave the search, the maximized pane, or go back to the turns; notices go in any case."""
        await self.run_action("app.quieten")
        if self.query_one(LogBox).searching:
            self.query_one(LogBox).end_search()
            self.query_one(LogPane).focus()
        elif self.maximized is not None:
            self.minimize()
        else:
            self.action_pane("turns")

    def _choose(self, name: Pane) -> None:
        """Give a pane its place in layouts that do not show all."""
        self._pane = name
        if name != "turns":
            self._below = name
        if name in ("diff", "lanes"):
            self._with_lanes = name == "lanes"
        for other in PANES:
            self.set_class(other == name, f"-{other}")
            self.set_class(other == self._below, f"-below-{other}")
        self.set_class(self._with_lanes, "-with-lanes")
        # Only after the next layout are they on screen, or not.
        self.call_after_refresh(self._want_bodies)
        self.call_after_refresh(self._explain)
        self.call_after_refresh(self._show_lanes)

    def _lay_out(self, width: int, height: int) -> None:
        compact = width < 100 or height < 30
        wide = width >= 150 and height >= 44
        layout = "-compact" if compact else "-wide" if wide else "-normal"
        for name in ("-compact", "-normal", "-wide"):
            self.set_class(name == layout, name)
        self._choose(self._pane)

    def _focused_pane(self) -> Widget | None:
        if self.focused is None:
            return None
        panes = (w for w in self.focused.ancestors_with_self if w.has_class("pane"))
        return next((pane for pane in panes if isinstance(pane, Widget)), None)

    def _show_keys(self) -> None:
        """The keys of the pane that has the focus; those that would do nothing are left out."""
        switches = self.query_one(WhyPane).marked is not None
        keys = (key for key in KEY_LINES[self._pane] if switches or key.action != "switch_advised")
        self.query_one(KeyLine).show(tuple(keys))

    def _title_turns(self) -> None:
        table = self.query_one(TurnsTable)
        count = len(self._model.records)
        self.query_one("#turns").border_subtitle = (
            f"{count} · following the newest" if table.following else f"{count} · f follows the newest"
        )

    def _show_charts(self) -> None:
        self.query_one(Charts).show(self._model.turns(), log_seen=self._model.log_seen)

    @property
    def _selected(self) -> Record | None:
        selected = self.query_one(TurnsTable).selected
        return None if selected is None else self._model.records.get(selected)

    def _want_bodies(self) -> None:
        """Ask for what the diff needs, while anybody sees it."""
        diff, record = self.query_one(RequestDiff), self._selected
        if record is not None and diff.is_on_screen and (wish := diff.wish(record)) is not None:
            self.post_message(wish)

    def _explain(self) -> None:
        """Explain the selected turn, while anybody sees it."""
        why, record, model = self.query_one(WhyPane), self._selected, self._model
        if record is None or not why.is_on_screen:
            return
        before = record.diagnosis.predecessor if record.diagnosis else None
        previous = None if before is None else model.records.get(before)
        why.show(Case(record, previous, model.rules, model.bypass, model.log_seen))
        self._show_keys()

    def _show_lanes(self) -> None:
        """Draw slots, conversations and the ledger, while anybody sees them."""
        lanes = self.query_one(LanesPanel)
        if lanes.is_on_screen:
            lanes.show(self._model.board, self._model.ledger, self._model.journal)
