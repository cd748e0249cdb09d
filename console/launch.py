"""Start the engine, open the console on it, and stop it afterwards."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Collection, Sequence

from textual.theme import Theme

from console.app import ConsoleApp
from console.terminal import survive_hangup
from console.themes import load_themes
from proxy_core import paths
from proxy_core.engine import Engine, Inputs
from proxy_core.errors import ConfigError, KvconsoleError
from proxy_core.events import Event
from proxy_core.settings import Loaded


def open_console(
    loaded: Loaded, inputs: Inputs, started: Callable[[Engine], Callable[[], None]] | None = None
) -> int:
    """Run the console until the person leaves; gives the exit code.

    Args:
        loaded: The settings in force.
        inputs: Where else input comes from.
        started: Called with the running engine before the screen opens; gives what to call after it closed.

    Raises:
        KvconsoleError: The engine cannot start, or the named theme does not exist.
    """
    themes, problems = load_themes(paths.themes_dir())
    wanted = loaded.settings.theme
    need_theme(wanted, themes, problems)
    events: deque[Event] = deque()
    engine = Engine(loaded.settings, events.append, inputs)
    finish: Callable[[], None] | None = None
    try:
        engine.start()
        if loaded.sources["theme"] == "default" and engine.remembered_theme in _names(themes):
            wanted = engine.remembered_theme or wanted
        finish = started(engine) if started is not None else None
        app = ConsoleApp(engine, events, themes=themes, theme=wanted, problems=problems)
        survive_hangup(app)
        app.run()
        return app.return_code or 0
    finally:
        # A second ctrl+c must not leave a child behind; stopping takes 5 seconds at most.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if finish is not None:
            finish()
        engine.stop()


def need_theme(name: str, themes: Sequence[Theme], problems: Collection[KvconsoleError]) -> None:
    """Check that a theme is there.

    Raises:
        ConfigError: It is not; the message lists those that are, and `problems`, one of which may be why.
    """
    if name not in _names(themes):
        known = f"There is no theme {name!r}. Known: {', '.join(_names(themes))}."
        raise ConfigError("\n".join([known, *(problem.message for problem in problems)]))


def _names(themes: Sequence[Theme]) -> list[str]:
    return sorted(theme.name for theme in themes)
