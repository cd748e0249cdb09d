"""What made turns cold while kvconsole watched, and what to do about the worst of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from proxy_core.checkup.findings import Finding
from proxy_core.checkup.setup import Setup
from proxy_core.checkup.words import number, plural
from proxy_core.verdict import Cause
from proxy_core.visible import visible

_FEW = 3
"""Turns of one cause before one speaks of a habit."""

_DO: dict[Cause, str] = {
    "slot taken": "Start llama-server with more slots (-np), or with -sps 0.5.",
    "evicted": "Start llama-server with a larger --cache-ram (MiB), or with more slots (-np).",
    "checkpoint fallback": "Start llama-server with more checkpoints (-ctxcp), or a smaller -cms.",
    "full re-processing": "Start llama-server with --swa-full (sliding window), or more -ctxcp (hybrid).",
    "cache lost": "Keep llama-server running and its model loaded: no restarts, no --sleep-idle-seconds.",
    "model changed": "Let one conversation use one model.",
    "rule flipped": 'Set flips = "new-lanes", so that a switch leaves conversations under way alone.',
}
_LOOK = "In the console, e on such a turn tells which part changed, and the rule that helps."


def check_losses(setup: Setup) -> Iterator[Finding]:
    """The cause that cost most."""
    if setup.proxy is None or not setup.proxy.turns:
        return
    habits = [loss for loss in setup.proxy.losses if loss.turns >= _FEW]
    lost = sum(loss.tokens for loss in setup.proxy.losses)
    if not habits:
        turns = plural(setup.proxy.turns, "turn")
        often = (
            f"{number(lost)} tokens were lost; no cause came more than twice" if lost else "nothing was lost"
        )
        saw = f"In {turns}, {often}."
        yield Finding("cache", "losses", "ok", saw)
        return
    worst = max(habits, key=lambda loss: loss.tokens)
    share = f", {number(100 * worst.tokens / lost)} % of all that was" if lost > worst.tokens else ""
    turns = f"{worst.turns} of {plural(setup.proxy.turns, 'turn')}"
    what = Counter(r.verdict.detail for r in setup.through if r.verdict and r.verdict.cause == worst.cause)
    detail = next((f" ({visible(text)})" for text, _ in what.most_common(1) if text), "")
    saw = f"In {turns} {number(worst.tokens)} tokens were lost{share}: {worst.cause}{detail}."
    yield Finding("cache", "losses", "hint", saw, _DO.get(worst.cause, _LOOK))
