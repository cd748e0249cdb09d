"""All cases by name."""

from __future__ import annotations

from tests.clients import (
    assistants,
    claude_code,
    codex,
    goose,
    hermes,
    open_webui,
    openclaw,
    openclaw_apis,
    openclaw_habits,
    opencode,
    qwen_code,
)
from tests.clients.case import Case

_MODULES = (
    *(openclaw, openclaw_apis, openclaw_habits, claude_code, opencode, hermes, goose, qwen_code, codex),
    *(open_webui, assistants),
)

CASES: dict[str, Case] = {case.name: case for module in _MODULES for case in module.CASES}
"""Each client, era and habit, in the order of the reference."""
