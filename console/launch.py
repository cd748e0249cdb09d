"""Start the engine, open the console on it, and stop it afterwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from console.app import ConsoleApp
from console.themes import load_themes
from proxy_core import paths
from proxy_core.engine import Engine, Inputs
from proxy_core.errors import ConfigError
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
    names = [theme.name for theme in themes]
    events: deque[Event] = deque()
    engine = Engine(loaded.settings, events.append, inputs)
    wanted = loaded.settings.theme
    if wanted not in names:
        raise ConfigError(f"There is no theme {wanted!r}. Known: {', '.join(sorted(names))}.")
    engine.start()
    if loaded.sources["theme"] == "default" and engine.remembered_theme in names:
        wanted = engine.remembered_theme or wanted
    finish = started(engine) if started is not None else None
    try:
        app = ConsoleApp(engine, events, themes=themes, theme=wanted, problems=problems)
        app.run()
        return app.return_code or 0
    finally:
        if finish is not None:
            finish()
        engine.stop()
