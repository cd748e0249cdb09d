"""What the log alone tells about a turn: one whose prompt kvconsole did not see, or no longer has."""

from __future__ import annotations

from proxy_core.diagnosis.words import count
from proxy_core.exchange import Record
from proxy_core.verdict import Cause

_GOOD = 0.9
_LEAST = 32

Found = tuple[Cause, str, list[str]]


def from_log(record: Record) -> Found:
    """Cause, detail and evidence from similarity, kept share and reused tokens.

    Rules: llama.cpp b6723 and later, where `sim_best` counts the new prompt and `f_keep` what the slot held.
    """
    turn, cached, tokens = record.turn, record.cached_n, record.prompt_tokens
    if cached is None or tokens is None:
        return "unknown", "nothing measured", ["Neither the log nor the answer tells what was reused."]
    if turn is None:
        return _by_share(cached, tokens)
    if turn.forced_full:
        return "full re-processing", "", ["The log says: forcing full prompt re-processing."]
    lcp = turn.lcp_n
    if lcp is None and turn.sim_best is not None:
        lcp = round(turn.sim_best * tokens)
    if turn.checkpoint == "restored" and (lcp is None or cached < lcp - _LEAST):
        return "checkpoint fallback", "", ["The log says: restored context checkpoint."]
    if lcp is not None and cached < min(lcp, tokens - 1) - max(_LEAST, tokens // 50):
        told = f"The slot held {count(lcp)} tokens of this prompt, and the server used {count(cached)}."
        cause: Cause = "full re-processing" if cached <= _LEAST else "checkpoint fallback"
        return cause, "by the similarity", [told]
    if turn.f_keep is not None and lcp is not None:
        return _by_kept(turn.f_keep, lcp, cached, tokens)
    if turn.selected_by == "lru" and cached <= _LEAST:
        return "cold start", "", ["No slot held the beginning of this prompt."]
    return _by_share(cached, tokens)


def _by_kept(f_keep: float, lcp: int, cached: int, tokens: int) -> Found:
    """From how much of what the slot held comes again in the prompt."""
    gone = round(lcp / f_keep) - lcp if f_keep > 0 else lcp
    # The model's last answer hardly ever comes back in the very same tokens.
    if f_keep > 0 and gone <= max(_LEAST, lcp // 50):
        return "healthy", "", [f"All that could be kept was: f_keep {f_keep:.3f}."]
    if f_keep >= _GOOD and cached / max(1, tokens) >= _GOOD:
        return "healthy", "", [f"Nearly all that could be kept was: f_keep {f_keep:.3f}."]
    told = f"The slot held another text from token {count(lcp)} on (f_keep {f_keep:.3f})."
    return "unknown", f"the prompt differs from token {count(lcp)} on", [told]


def _by_share(cached: int, tokens: int) -> Found:
    said = [f"{count(cached)} of {count(tokens)} tokens were reused."]
    return ("healthy" if cached / max(1, tokens) >= _GOOD else "unknown"), "", said
