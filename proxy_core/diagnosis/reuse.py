"""How many tokens a prompt should find in the cache."""

from __future__ import annotations

from proxy_core.verdict import Divergence, Predicted


def predict(divergence: Divergence, previous_tokens: int | None, tokens: int | None) -> Predicted | None:
    """What a slot that holds the predecessor's prompt gives to this one.

    What both prompts have in common is worth the predecessor's tokens per byte. Without its tokens, this
    prompt's own do; without either there is nothing to say.

    Args:
        divergence: Where the prompt leaves its predecessor's.
        previous_tokens: Tokens of the predecessor's prompt.
        tokens: Tokens of this prompt; the server evaluates at least one of them.
    """
    if previous_tokens is not None and divergence.previous_size:
        found = previous_tokens * divergence.shared / divergence.previous_size
    elif tokens is not None and divergence.size:
        found = tokens * divergence.shared / divergence.size
    else:
        return None
    most = round(found) if tokens is None else min(round(found), tokens - 1)
    return Predicted(max(0, most), tokens, "structure")
