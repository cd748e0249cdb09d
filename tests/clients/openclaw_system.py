"""OpenClaw's system prompt, by release: order of sections, metadata block, Runtime line.

The frame is that of the `openclaw` package; sentences and workspace files are the demo's. Sections follow one
another without blank lines. From release 2026.4.5 on what changes stands below a boundary, whose marker is
taken out on the wire and leaves three line breaks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from console.demo.openclaw_system import DATA
from tests.clients.wire import Json

OWNER_ONLY = ("nodes", "cron", "gateway")
"""Tools that are not offered when the sender is no owner, as in heartbeats."""

_TOOLS = (
    *("read", "edit", "write", "exec", "process", "nodes", "cron", "message", "gateway"),
    *("session_status", "web_fetch", "memory_search", "memory_get"),
)
_SHORT_TOOLS = ("read", "edit", "exec", "cron", "gateway", "session_status", "memory_get")
_FILES = ("AGENTS.md", "SOUL.md", "USER.md")
_SHORT_FILES = ("SOUL.md", "USER.md")
_WORKSPACE = "/home/mara/claw"
_BOUNDARY_LEFT = "\n\n"
_BELOW = ("## Reply Tags", "## Messaging", "## Voice (TTS)", "## Heartbeats")
_TRUSTED = "Inbound Context (trusted metadata)"


@dataclass(frozen=True)
class System:
    """What makes one system prompt different from another."""

    tools: Sequence[str]
    runtime: str
    """The last section: the Runtime line and what follows it; empty where it went elsewhere."""
    extra: Sequence[str] = ()
    """What the current message's channel adds, joined by blank lines."""
    brand: str = "OpenClaw"
    date: str = "Time zone: UTC"
    """Under `## Current Date & Time`."""
    boundary: bool = False
    """Whether what changes stands below the workspace files, from 2026.4.5 on."""
    temporal: str = ""
    """What stands directly below the boundary, from 2026.7 on, in place of `date`."""
    short: bool = False

    @property
    def text(self) -> str:
        """The whole prompt."""
        own = _sections()
        if "gateway" not in self.tools:
            own = {name: text for name, text in own.items() if name != "## OpenClaw Self-Update"}
        dated = "## Current Date & Time"
        own = {**own, dated: f"{dated}\n{self.date}"}
        if self.temporal:
            del own[dated]
        opening = own.pop("")
        tooling = own.pop("## Tooling")
        last = own.pop("## Heartbeats")
        below = {name: own.pop(name) for name in _BELOW if self.boundary and name in own}
        silent = own.pop("## Silent Replies")
        extra = ["## Group Chat Context\n" + "\n\n".join(self.extra)] if self.extra else []
        parts = [opening.replace("OpenClaw", self.brand), _tooling(tooling, self.tools), *own.values()]
        if not self.boundary:
            parts += extra
        parts += ["# Project Context", "These workspace files have been loaded.", *_files(self.short), silent]
        stable = "\n".join(parts)
        changing = [self.temporal] if self.temporal else []
        changing += [*below.values(), *(extra if self.boundary else ()), last]
        if self.runtime:
            changing += ["## Runtime", self.runtime]
        return stable + (_BOUNDARY_LEFT if self.boundary else "") + "\n" + "\n".join(changing)


def tool_names(short: bool) -> tuple[str, ...]:
    """The tools of an owner's request, in wire order of the releases up to 2026.6."""
    return _SHORT_TOOLS if short else _TOOLS


def runtime_line(channel: str = "telegram", thinking: str = "off") -> str:
    """The Runtime section up to 2026.6."""
    facts = {
        "agent": "main",
        "host": "harbor",
        "repo": _WORKSPACE,
        "os": "Linux 6.12.63 (x64)",
        "node": "v22.22.0",
        "model": "llama/qwen3-coder-next",
        "default_model": "llama/qwen3-coder-next",
        "shell": "bash",
        "channel": channel,
        "capabilities": "none",
        "thinking": thinking,
    }
    line = " | ".join(f"{name}={value}" for name, value in facts.items())
    return (
        f"Runtime: {line}\n"
        "Reasoning: off (hidden unless on/stream). Toggle /reasoning; /status shows Reasoning when enabled."
    )


def session_runtime_line(session: str) -> str:
    """The Runtime line from 2026.7 on, which names the session."""
    return (
        f"Runtime: name=Pip | agent=main | session=agent:main:telegram:direct:395239117 | sessionId={session}"
        f" | host=harbor | repo={_WORKSPACE} | os=Linux 6.12.63 (x64) | node=v22.22.0"
        " | model=llama/qwen3-coder-next | default_model=llama/qwen3-coder-next | shell=bash"
        " | channel=telegram | capabilities=none"
    )


def trusted(payload: Mapping[str, object], *, level: int = 2) -> str:
    """The metadata block that OpenClaw vouches for; its heading is of level 3 from about 2026.8 on."""

    frame = (DATA / "inbound.md").read_text(encoding="utf-8")
    start = frame.index(f"## {_TRUSTED}")
    frame = frame[start:].strip("\n").replace(f"## {_TRUSTED}", f"{'#' * level} {_TRUSTED}")
    return f"{frame}\n{json.dumps(payload, indent=2, ensure_ascii=False)}\n```"


def telegram_payload(schema: str = "v1", **more: object) -> Json:
    """The block's JSON for a direct chat, without what only some releases add."""
    same: Json = {"channel": "telegram", "provider": "telegram", "surface": "telegram", "chat_type": "direct"}
    return {"schema": f"openclaw.inbound_meta.{schema}", **more, **same}


@cache
def _sections() -> dict[str, str]:
    """The demo's sections by their heading lines, in order; the first line stands under the empty name."""
    whole = "\n".join(_text(name) for name in ("opening.md", "middle.md", "closing.md"))
    parts = re.split(r"(?m)^(?=## )", whole)
    return {part.split("\n")[0] if part.startswith("## ") else "": part.rstrip("\n") for part in parts}


def _tooling(section: str, tools: Sequence[str]) -> str:
    lines = section.split("\n")
    return "\n".join(line for line in lines if not line.startswith("- ") or line[2:].split(":")[0] in tools)


def _files(short: bool) -> list[str]:
    return [
        f"## {_WORKSPACE}/{name}\n{_text(f'workspace/{name}')}"
        for name in (_SHORT_FILES if short else _FILES)
    ]


def _text(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8").strip("\n")
