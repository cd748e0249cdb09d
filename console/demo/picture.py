"""Draw README's picture from the demo: `python -m console.demo.picture [OUT.svg]`."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from itertools import takewhile
from pathlib import Path
from threading import Event as Flag

import httpx

from console.app import ConsoleApp
from console.demo.play import endless, play, wait_until_ready
from console.demo.show import TURNS, own_home, set_up, switch_on
from console.themes import load_themes
from proxy_core import paths
from proxy_core.engine import Engine
from proxy_core.events import Event

PICTURE = Path(__file__).with_name("console.svg")

_SIZE = (140, 42)
_SETTLE_SECONDS = 1.0


async def draw() -> str:
    """Play the demo, open the console on what happened, and give what it looks like as SVG."""
    loaded, inputs = set_up()
    events: deque[Event] = deque()
    engine = Engine(loaded.settings, events.append, inputs)
    engine.start()
    try:
        await asyncio.to_thread(_play, engine)
        themes, _ = load_themes(paths.themes_dir())
        app = ConsoleApp(engine, events, themes=themes, theme=loaded.settings.theme)
        async with app.run_test(size=_SIZE) as pilot:
            await pilot.pause(_SETTLE_SECONDS)
            await app.workers.wait_for_complete()
            await pilot.pause()
            return app.export_screenshot(title="kvconsole demo")
    finally:
        engine.stop()


def _play(engine: Engine) -> None:
    base = f"http://127.0.0.1:{engine.port}"
    switched = False
    with httpx.Client(base_url=base, timeout=60.0, trust_env=False) as client:
        wait_until_ready(client, Flag())
        for move in takewhile(lambda move: move.turn <= TURNS, endless("chat")):
            if move.rules_on and not switched:
                switch_on(engine)
                switched = True
            play(client, move.request)


def main() -> None:
    """Draw it."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    with own_home():
        out.write_text(asyncio.run(draw()), encoding="utf-8")
    print(out)


if __name__ == "__main__":
    main()
