"""The main screen: charts, turns, rules, diff and log."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from console.commands import COMMANDS, KEY_LINES, PANES, Pane
from console.edits import summary
from console.messages import BodiesWanted, RuleSwitchWanted
from console.model import Changes, Model
from console.screens import empty
from console.screens.charts import Charts
from console.widgets.diff_pane import DiffPane
from console.widgets.keyline import KeyLine
from console.widgets.log import LogPane
from console.widgets.rules import RuleList, RulesPanel
from console.widgets.status import StatusBar
from console.widgets.turns import TurnsTable, clock, is_untouched
from proxy_core.exchange import Bodies, Record
from proxy_core.settings import Settings

_FOCUS: dict[Pane, type[Widget]] = {"turns": TurnsTable, "rules": RuleList, "diff": DiffPane, "log": LogPane}


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
        self._diffed: int | None = None
        self._change = ""
        self._edits = ""
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
            rules = RulesPanel(id="rules")
            rules.add_class("pane")
            yield rules
            diff = DiffPane(id="diff", classes="pane")
            diff.border_title = "request"
            yield diff
            with PaneBox(id="log", classes="pane") as log:
                log.border_title = "log"
                yield LogPane()
                yield Input(placeholder="search the log", id="search")
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin with what is known; the charts and the table fill as turns come."""
        self.query_one(DiffPane).show_message(empty.diff_waiting())
        self.query_one(LogPane).show_empty(empty.log(self._settings))
        self._lay_out(self.app.size.width, self.app.size.height)
        changes = Changes(records=dict(self._model.records), rules=True, facts=True)
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
                if self._diffed in changes.records:
                    self._show_late_trouble(changes.records[self._diffed])
                self.query_one(Charts).show(self._model.turns(), log_seen=self._model.log_seen)
                self._title_turns()
        any_turn = bool(self._model.records)
        table.display = any_turn
        no_turns = self.query_one("#no-turns", Static)
        no_turns.display = not any_turn
        if changes.facts and not any_turn:
            no_turns.update(empty.turns(self._address, self._model))

    def show_bodies(self, record: Record, bodies: Bodies | None) -> None:
        """Compare a request's bodies, or say why there are none."""
        if record.exchange is None:
            self._say(record, empty.diff_direct(self._address))
        elif bodies is None:
            self._say(record, empty.diff_gone(record.id))
        elif record.exchange.status == "error" and record.exchange.note:
            self._say(record, record.exchange.note)
        else:
            self._compare(record, bodies)

    def tick(self) -> None:
        """Let the clocks of turns under way go on."""
        self.query_one(TurnsTable).redraw_open()

    def select(self, record_id: int) -> None:
        """Put the cursor of the table on a turn."""
        self.query_one(TurnsTable).select(record_id)

    def action_pane(self, name: Pane) -> None:
        """Show a pane and give it the focus."""
        if self.maximized is not None:
            self.minimize()
        if name != "log":
            self._end_search()
        self._choose(name)
        self.query_one(_FOCUS[name]).focus()
        if name == "diff":
            # Who reads a diff must not have it taken away by the next request.
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

    def action_switch_rule(self) -> None:
        """Switch the rule under the cursor."""
        self.query_one(RuleList).action_select()

    def action_all_clients(self) -> None:
        """Show or fold the rules of clients that are not here."""
        self.query_one(RulesPanel).action_all_clients()

    def action_diff_change(self, step: int) -> None:
        """Go to the next or previous change."""
        self.query_one(DiffPane).action_change(step)

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
        self.query_one(KeyLine).show(KEY_LINES[name])

    @on(TurnsTable.Picked)
    def _picked(self, event: TurnsTable.Picked) -> None:
        self.query_one(Charts).select(event.record_id)
        self._title_turns()
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

    @on(DiffPane.Moved)
    def _moved(self, event: DiffPane.Moved) -> None:
        self._change = f"change {event.change} of {event.changes}" if event.changes else ""
        self._title_diff()

    @on(LogPane.SearchWanted)
    def _search(self) -> None:
        field = self.query_one("#search", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#search")
    def _searched(self, event: Input.Changed) -> None:
        self.query_one(LogPane).search(event.value)

    @on(Input.Submitted, "#search")
    def _to_hits(self) -> None:
        """The log takes the keys, so that n and N go through the hits."""
        self.query_one(LogPane).focus()

    @on(LogPane.Followed)
    def _followed(self, event: LogPane.Followed) -> None:
        parts = [] if event.hits is None else [f"{event.hits} hits"]
        parts.append("following" if event.following else "held: w follows")
        self.query_one("#log").border_subtitle = " · ".join(parts)

    async def key_escape(self) -> None:
        """Leave the search, the maximized pane, or go back to the turns; notices go in any case."""
        await self.run_action("app.quieten")
        if self.query_one("#search", Input).display:
            self._end_search()
            self.query_one(LogPane).focus()
        elif self.maximized is not None:
            self.minimize()
        else:
            self.action_pane("turns")

    def _end_search(self) -> None:
        field = self.query_one("#search", Input)
        field.value = ""
        field.display = False

    def _choose(self, name: Pane) -> None:
        """Give a pane its place in layouts that do not show all."""
        self._pane = name
        for other in PANES:
            self.set_class(other == name, f"-{other}")
        # Only after the next layout is the diff on screen, or not.
        self.call_after_refresh(self._want_bodies)

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

    def _title_turns(self) -> None:
        table = self.query_one(TurnsTable)
        count = len(self._model.records)
        self.query_one("#turns").border_subtitle = (
            f"{count} · following the newest" if table.following else f"{count} · f follows the newest"
        )

    def _title_diff(self) -> None:
        parts = [part for part in (self._change, self._edits) if part]
        self.query_one(DiffPane).border_subtitle = Content(" · ".join(parts))

    def _want_bodies(self) -> None:
        selected = self.query_one(TurnsTable).selected
        if selected is not None and selected != self._diffed and self.query_one(DiffPane).is_on_screen:
            self.post_message(BodiesWanted(selected))

    def _say(self, record: Record, text: str) -> None:
        self._diffed = record.id
        pane = self.query_one(DiffPane)
        pane.show_message(text)
        self._change = self._edits = ""
        self._title_diff()
        pane.border_title = f"request {record.id} · {clock(record)}"

    @work(exclusive=True, group="diff")
    async def _compare(self, record: Record, bodies: Bodies) -> None:
        self._diffed = record.id
        api = record.exchange.api if record.exchange else None
        title = f"request {record.id} · {clock(record)} · {self._what_became(record)}"
        await self.query_one(DiffPane).show(bodies.raw, bodies.normalized, api, title=title, key=record.id)
        self._edits = summary(record.exchange.edits) if record.exchange and record.exchange.edits else ""
        self._title_diff()

    def _show_late_trouble(self, record: Record) -> None:
        """The shown request has failed meanwhile: say why."""
        if record.exchange is not None and record.exchange.status == "error":
            self._diffed = None
            self._want_bodies()

    def _what_became(self, record: Record) -> str:
        note = record.exchange.note if record.exchange else None
        if is_untouched(record):
            return note or ""
        if record.exchange is None or not record.exchange.edits:
            what = "bypassed" if self._model.bypass else "no rule changed it"
        else:
            what = "raw → normalized"
        return what + (f" · {note}" if note else "")
