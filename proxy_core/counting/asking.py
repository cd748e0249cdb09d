"""Questions of kvconsole's own that make llama-server work, asked so that they disturb nothing.

`/apply-template` and `/tokenize` touch no slot. But they wake a server that has put its model to sleep
(b7492), which `/props` does not; and a router would load a model for them, perhaps in the place of another
one, if it were not told `autoload=false`.
"""

from __future__ import annotations

from urllib.parse import quote

import httpx
import msgspec

from proxy_core.upstream import UpstreamClient

APPLY_TEMPLATE = "/apply-template?autoload=false"
TOKENIZE = "/tokenize?autoload=false"


class _Props(msgspec.Struct):
    is_sleeping: bool = False


class _Rendered(msgspec.Struct):
    prompt: str


_PROPS = msgspec.json.Decoder(_Props)
_RENDERED = msgspec.json.Decoder(_Rendered)


async def asleep(client: UpstreamClient, model: str | None, read_timeout: float) -> bool:
    """Whether the server has put its model to sleep; False as well when it does not say.

    Args:
        client: To the server.
        model: The model to ask about, which a router needs.
        read_timeout: Seconds to wait for each read.

    Raises:
        httpx.TransportError: As for `UpstreamClient.get`.
    """
    query = f"?model={quote(model, safe='')}&autoload=false" if model else ""
    status, body = await client.get(f"/props{query}", read_timeout)
    try:
        return status == httpx.codes.OK and _PROPS.decode(body).is_sleeping
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def rendered(body: bytes) -> str | None:
    """The prompt in an answer of /apply-template; None when there is none."""
    try:
        return _RENDERED.decode(body).prompt
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
