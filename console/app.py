"""The console: draws what the engine tells, and sends it what the person wants."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.markup import escape
from textual.screen import Screen
from textual.theme import Theme

from console import levels
from console.commands import COMMANDS, IN_PALETTE
from console.messages import BodiesWanted, CloserLookWanted, PageWanted, RuleSwitchWanted
from console.model import Model
from console.notable import Notable
from console.screens.help import HelpScreen
from console.screens.main import MainScreen
from proxy_core.engine import Engine
from proxy_core.errors import KvconsoleError
from proxy_core.events import Event, Notice
from proxy_core.exchange import Bodies
from proxy_core.pauses import shorten
from proxy_core.rules.rule import LEVELS, Level
from proxy_core.visible import visible

_log = logging.getLogger("kvconsole")

DRAIN_SECONDS = 0.1
"""Time between two looks at the engine's events: ten drawings a second are the most that anybody sees."""

_PATH_SECONDS = 20.0
"""How long a file's name can be read, or copied."""

_TOAST_SECONDS = {"information": 4.0, "warning": 10.0, "error": 20.0}


class ConsoleApp(App[None]):
    """One main screen over one engine, which the caller has started."""

    TITLE = "kvconsole"
    ENABLE_COMMAND_PALETTE = True
    PAUSE_GC_ON_SCROLL = True
    CSS_PATH = "screens/main.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        # In a terminal's raw mode ctrl+c is a key; people expect it to end a program that they started.
        Binding("ctrl+c", "quit", "quit", show=False, priority=True, id="quit.now"),
    ]

    def __init__(
        self,
        engine: Engine,
        events: deque[Event],
        *,
        themes: Sequence[Theme],
        theme: str,
        problems: Iterable[KvconsoleError] = (),
    ) -> None:
        """Args:
        engine: Already started.
        events: What the engine appends its events to, on its own thread.
        themes: Those to choose from, the built-in ones among them.
        theme: Name of the one to begin with.
        problems: What went wrong before the screen was there, told once it is.
        """
        super().__init__()
        self._engine = engine
        self._events = events
        self._problems = list(problems)
        self._level: Level | None = None
        """The level that was asked for and is not in force yet."""
        self._notable = Notable()
        self._said: dict[str, tuple[Notice, float]] = {}
        self._model = Model(engine.settings.upstream, records=engine.settings.history)
        for name in list(self.available_themes):
            self.unregister_theme(name)
        for known in themes:
            self.register_theme(known)
        self.theme = theme

    def get_default_screen(self) -> Screen[None]:
        """The main screen."""
        return MainScreen(self._model, self._engine.settings, self.address)

    @property
    def address(self) -> str:
        """HOST:PORT where clients connect."""
        host = self._engine.settings.listen_host
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        return f"{shown}:{self._engine.port}"

    def on_mount(self) -> None:
        """Begin to listen to the engine; leave the terminal as it was when told to end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, partial(self.exit, return_code=128 + number))
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        for problem in self._problems:
            self._say(Notice("warning", problem.title, problem.message))
        self.set_interval(DRAIN_SECONDS, self._drain)
        self.set_interval(1.0, self._tick)
        self.call_after_refresh(shorten)

    def _drain(self) -> None:
        main = self._main
        # Events wait until the screen is complete, and when it is being taken down they are not wanted.
        if main is None or not (main.complete and self.is_running):
            return
        batch: list[Event] = []
        while self._events:
            batch.append(self._events.popleft())
        if not batch:
            return
        changes = self._model.apply(batch)
        if changes.rules:
            self._level = None
        for notice in changes.notices:
            self._say(notice)
        for record in changes.records.values():
            if (notable := self._notable.look(record, time.monotonic())) is not None:
                self._say(notable)
        main.show(changes)

    def _tick(self) -> None:
        if (main := self._main) is not None and main.complete and self.is_running:
            main.tick()

    @property
    def _main(self) -> MainScreen | None:
        return next((s for s in self.screen_stack if isinstance(s, MainScreen)), None)

    def _say(self, notice: Notice, seconds: float | None = None) -> None:
        """Show a notice; of those with one title only the newest stays, so that they never pile up."""
        now = time.monotonic()
        self._said[notice.title] = (notice, now + (seconds or _TOAST_SECONDS[notice.level]))
        self._said = {title: (said, end) for title, (said, end) in self._said.items() if end > now}
        self.clear_notifications()
        for said, end in self._said.values():
            self.notify(said.message, title=said.title, severity=said.level, timeout=end - now, markup=False)

    def action_quieten(self) -> None:
        """Take every notice away."""
        self._said.clear()
        self.clear_notifications()

    @on(RuleSwitchWanted)
    def _switch_rule(self, event: RuleSwitchWanted) -> None:
        self._engine.set_rule(event.rule_id, event.on)

    @on(BodiesWanted)
    def _want_bodies(self, event: BodiesWanted) -> None:
        self._fetch_bodies(event)

    @work(exclusive=True, group="bodies")
    async def _fetch_bodies(self, wish: BodiesWanted) -> None:
        # Those of an old request are on the disk, which may take its time.
        bodies, before = await asyncio.to_thread(self._bodies, wish)
        if (main := self._main) is not None:
            main.show_bodies(wish, bodies, before)

    def _bodies(self, wish: BodiesWanted) -> tuple[Bodies | None, Bodies | None]:
        before = None if wish.before is None else self._engine.bodies(wish.before)
        return self._engine.bodies(wish.record_id), before

    @on(PageWanted)
    def _want_page(self, event: PageWanted) -> None:
        self._write_page(event.name)

    @work(group="page")
    async def _write_page(self, name: str) -> None:
        try:
            path, masked = await asyncio.to_thread(_page, name)
        except KvconsoleError as error:
            self._say(Notice("error", error.title, error.message))
        except Exception as error:  # whatever the page could not be made of, the proxy goes on
            _log.exception("request %s could not be exported", name)
            self._say(Notice("error", "Export", f"Request {visible(name)} could not be exported: {error!r}."))
        else:
            said = f"{visible(str(path))}\n{masked} Look it through: not every secret looks like one."
            self._say(Notice("information", "Exported", said), _PATH_SECONDS)

    @on(CloserLookWanted)
    def _look_closer(self, event: CloserLookWanted) -> None:
        self._engine.look_closer(event.record_id)

    def action_bypass(self) -> None:
        """Pass everything through untouched, or let the rules work again."""
        self._engine.set_bypass(not self._model.bypass)

    def action_next_level(self) -> None:
        """Let rules take more, or after the strongest level the least again."""
        self._set_level(levels.after(self._level or self._model.rules.level))

    def _set_level(self, level: Level) -> None:
        self._level = level
        self._engine.set_level(level)

    def action_help(self) -> None:
        """Show every key."""
        self.push_screen(HelpScreen())

    def action_next_theme(self) -> None:
        """Change to the next theme."""
        names = sorted(self.available_themes)
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: every key of the main screen, and every rule and theme by name."""
        if not isinstance(screen, MainScreen):
            return
        for command in (*COMMANDS, *IN_PALETTE):
            yield SystemCommand(command.title, command.help, partial(screen.run_action, command.action))
        yield from self._rule_commands()
        for name in sorted(self.available_themes):
            yield SystemCommand(
                f"theme: {name}", "Change the colours.", partial(setattr, self, "theme", name)
            )

    def _rule_commands(self) -> Iterable[SystemCommand]:
        for level in LEVELS:
            if level != self._model.rules.level:
                title = f"level: Use {level}"
                yield SystemCommand(title, levels.MEANS[level], partial(self._set_level, level))
        if self._model.flips == "now":
            yield SystemCommand(
                "rule changes: In new conversations only",
                "Conversations under way keep their rules when something is switched, and stay warm.",
                partial(self._engine.set_flips, "new-lanes"),
            )
        else:
            yield SystemCommand(
                "rule changes: At once",
                "What is switched counts in the next request of every conversation.",
                partial(self._engine.set_flips, "now"),
            )
        # The palette reads markup, and rules come from files that anybody may have written.
        for rule in self._model.rules.rules:
            on = rule.id in self._model.rules.enabled
            switch = partial(self._engine.set_rule, rule.id, not on)
            yield SystemCommand(
                f"rules: Switch {'off' if on else 'on'} {rule.id}", escape(visible(rule.does)), switch
            )

    def _theme_changed(self, theme: Theme) -> None:
        if theme.name != self._engine.remembered_theme:
            self._engine.set_theme(theme.name)


def _page(name: str) -> tuple[Path, str]:
    # Only now: few need it, and the console should open at once.
    from console.page import write_page

    try:
        folder = Path.cwd()
    except FileNotFoundError as error:
        gone = "The directory in which kvconsole was started is no longer there."
        raise KvconsoleError(gone, title="Export") from error
    return write_page(name, folder)
