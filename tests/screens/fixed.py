"""A console over an engine that stands still: fixed settings and bodies, and a note of every command."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import cast

from textual.pilot import Pilot

from console.app import ConsoleApp
from console.themes import load_themes
from proxy_core.engine import Engine
from proxy_core.events import (
    BoardChanged,
    Event,
    LedgerChanged,
    LogRead,
    RecordChanged,
    RulesChanged,
    Today,
    TodayChanged,
    Totals,
    TotalsChanged,
    UpstreamChanged,
)
from proxy_core.exchange import Bodies
from proxy_core.llama.facts import Upstream
from proxy_core.llama.feed import LogLine
from proxy_core.rules import RuleSet
from proxy_core.rules.rule import Level
from proxy_core.settings import Settings, load_settings
from tests.screens.explained import ADVISED, board, ledger, story
from tests.screens.few_rules import FEW_RULES

RAW = b"""{"messages":[{"role":"system","content":"You are a personal assistant running inside OpenClaw.\\n\
## Inbound Context (trusted metadata)\\n\\n```json\\n{\\n  \\"schema\\": \\"openclaw.inbound_meta.v1\\",\\n\
  \\"message_id\\": \\"775b2410-8917-4fad-af9d-cfcbf526eee8\\",\\n\
  \\"channel\\": \\"webchat\\"\\n}\\n```\\n"},\
{"role":"user","content":"[Wed 2026-02-18 20:48 UTC] What did the build say?"}]}"""
NORMALIZED = RAW.replace(b'\\n  \\"message_id\\": \\"775b2410-8917-4fad-af9d-cfcbf526eee8\\",', b"").replace(
    b"[Wed 2026-02-18 20:48 UTC] ", b""
)


class FixedEngine:
    """Stands in for an engine; `wishes` are the commands that came."""

    port = 1234
    remembered_theme = None

    def __init__(self) -> None:
        self.settings: Settings = load_settings({"log": ("server.log",)}, environ={}).settings
        self.wishes: list[tuple[object, ...]] = []
        self.gone: set[int] = set()
        """Records whose bodies are no longer kept."""

    def bodies(self, record_id: int) -> Bodies | None:
        """The same for every record, save for a number in the last message."""
        if record_id in self.gone:
            return None
        asked = f"say in run {record_id}?".encode()
        return Bodies(RAW.replace(b"say?", asked), NORMALIZED.replace(b"say?", asked))

    def set_theme(self, name: str) -> None:
        pass

    def set_rule(self, rule_id: str, on: bool) -> None:
        self.wishes.append((rule_id, on))

    def look_closer(self, record_id: int) -> None:
        self.wishes.append(("look closer", record_id))


def facts(level: Level = "safe", *stale: str) -> list[Event]:
    """A server that is up, and a few rules."""
    upstream = Upstream("http://127.0.0.1:8080", "up", "b11549", "qwen3-coder-next", 4, 131_072)
    rules = RuleSet.of(FEW_RULES, {}, level)
    return [UpstreamChanged(upstream), RulesChanged(rules, stale=frozenset(stale))]


def afternoon() -> list[Event]:
    """Every verdict once at least, with slots, conversations and a ledger; two advised rules are off."""
    rules = RuleSet.of(FEW_RULES, {"openclaw.message-id": False, ADVISED: False})
    return [
        facts()[0],
        RulesChanged(rules),
        LogRead((LogLine("srv  update_slots: all slots are idle", "server"),)),
        *(RecordChanged(record) for record in story()),
        LedgerChanged(ledger()),
        BoardChanged(board()),
        TotalsChanged(Totals(17, 120_000, 90_000, 251_000.0)),
        TodayChanged(Today(17, 148_392, 251_000.0)),
    ]


def console(
    events: list[Event], theme: str = "kvconsole-dark", engine: FixedEngine | None = None
) -> ConsoleApp:
    """The app on these events; it draws them once it runs."""
    themes, _ = load_themes(Path("no-such-directory"))
    return ConsoleApp(cast("Engine", engine or FixedEngine()), deque(events), themes=themes, theme=theme)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until the events are drawn and nothing is compared any more."""
    await pilot.pause(0.4)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause(0.2)
