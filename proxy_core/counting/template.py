"""What the model's chat template does, learned by letting llama-server render a prompt of marker words.

`POST /apply-template` exists since b4589.
"""

from __future__ import annotations

import httpx
import msgspec

from proxy_core.counting.asking import APPLY_TEMPLATE, asleep, rendered
from proxy_core.diagnosis.outline import ToolsAt
from proxy_core.upstream import UpstreamClient

_SECONDS = 5.0

_SYSTEM, _FIRST, _ANSWER, _LAST, _TOOL = (
    f"kvconsole-marks-{what}" for what in ("system", "first", "answer", "last", "tool")
)

_PARAMETERS = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}

_PROBE = {
    "messages": [
        {"role": "system", "content": _SYSTEM},
        {"role": "user", "content": _FIRST},
        {"role": "assistant", "content": _ANSWER},
        {"role": "user", "content": _LAST},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "lookup", "description": _TOOL, "parameters": _PARAMETERS},
        }
    ],
}


async def tools_at(client: UpstreamClient, model: str | None) -> ToolsAt | None:
    """Where the chat template writes the declared tools.

    Args:
        client: To the server.
        model: The model to ask about, which a router needs.

    Returns:
        None when the server cannot tell: it is down, asleep or old, wants an API key, or is a router that
        has not loaded that model.
    """
    probe = {**_PROBE, "model": model} if model else _PROBE
    try:
        if await asleep(client, model, _SECONDS):
            return None
        status, body = await client.post(APPLY_TEMPLATE, msgspec.json.encode(probe), _SECONDS)
    except httpx.HTTPError:
        return None
    prompt = rendered(body) if status == 200 else None
    return None if prompt is None else _place(prompt)


def _place(prompt: str) -> ToolsAt | None:
    """Where the tool's marker stands between the others."""
    tool, first, last = prompt.find(_TOOL), prompt.find(_FIRST), prompt.find(_LAST)
    if first < 0 or last < 0:
        return None
    if tool < 0:
        return "nowhere"
    if tool < first:
        # Where there is no place for a system text, whatever comes before the first message is first.
        return "after system" if 0 <= prompt.find(_SYSTEM) < tool else "first"
    return "before last user"
