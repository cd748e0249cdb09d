"""The system prompt that OpenClaw 2026.2.17 writes for a webchat session.

Its frame (order of sections, headings, the inbound metadata block before `# Project Context`, the Runtime
line at the end) follows the `openclaw` package of that version; the sentences, skills and workspace files are
the demo's own, in the folder `openclaw` beside this module. No blank line separates sections, as there.
"""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

DATA = Path(__file__).with_name("openclaw")
"""Folder of the demo's texts."""

SENDER = "openclaw-control-ui"
"""The sender id of the web interface."""

_WORKSPACE = "/home/mara/claw"
_SKILLS = "/usr/lib/node_modules/openclaw/skills"
# The order in which that version loads them; sorting by name came later.
_WORKSPACE_FILES = ("AGENTS.md", "SOUL.md", "TOOLS.md", "IDENTITY.md", "USER.md", "HEARTBEAT.md", "MEMORY.md")
_RUNTIME = (
    "Runtime: agent=main | host=harbor | repo=/home/mara/claw | os=Linux 6.12.63 (x64) | node=v22.22.0"
    " | model=llama/qwen3-coder-next | default_model=llama/qwen3-coder-next | shell=bash"
    " | channel=webchat | capabilities=none | thinking=off\n"
    "Reasoning: off (hidden unless on/stream). Toggle /reasoning; /status shows Reasoning when enabled."
)


def system_prompt(message_id: str) -> str:
    """The whole system prompt, about 50 KB, for a request that the message `message_id` caused.

    The id is the only part that changes from turn to turn; it stands in front of more than half of the text.
    """
    sections = [
        _text("opening.md"),
        _skills(),
        _text("middle.md"),
        _inbound_meta(message_id),
        "# Project Context",
        "These workspace files have been loaded. If SOUL.md is among them, take on its voice and character.",
        *(f"## {_WORKSPACE}/{name}\n{_text(f'workspace/{name}')}" for name in _WORKSPACE_FILES),
        _text("closing.md"),
        "## Runtime",
        _RUNTIME,
    ]
    return "\n".join(sections)


@cache
def _text(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8").strip("\n")


def _inbound_meta(message_id: str) -> str:
    """The trusted block of schema `openclaw.inbound_meta.v1`, keys in the order of 2026.2.17."""
    payload = {
        "schema": "openclaw.inbound_meta.v1",
        "message_id": message_id,
        "sender_id": SENDER,
        "channel": "webchat",
        "provider": "webchat",
        "surface": "webchat",
        "chat_type": "direct",
        "flags": {
            "has_reply_context": False,
            "has_forwarded_context": False,
            "has_thread_starter": False,
            "history_count": 0,
        },
    }
    return f"{_text('inbound.md')}\n{json.dumps(payload, indent=2, ensure_ascii=False)}\n```"


@cache
def _skills() -> str:
    lines = [_text("skills.md"), "", "<available_skills>"]
    for skill in tomllib.loads(_text("skills.toml"))["skill"]:
        lines += [
            "  <skill>",
            f"    <name>{escape(skill['name'])}</name>",
            f"    <description>{escape(skill['description'])}</description>",
            f"    <location>{_SKILLS}/{skill['name']}/SKILL.md</location>",
            "  </skill>",
        ]
    return "\n".join([*lines, "</available_skills>"])
