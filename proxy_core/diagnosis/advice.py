"""What to do about a verdict: a rule, a flag of llama-server, or a setting of the client.

Flags and defaults: llama.cpp b10587. Settings of clients: their own documentation and issue threads.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from proxy_core.diagnosis.by_server import beside
from proxy_core.diagnosis.facts import Facts, Option, Taker
from proxy_core.diagnosis.words import plural, share
from proxy_core.verdict import Advice, Cause

_MOST_RULES = 3

_CHECKPOINTS = 32
"""Most context checkpoints of a slot since b8218, unless `-ctxcp` says otherwise."""

_HALF = 0.5
"""The similarity that llama-server asked for before b6455, and that `-sps` can ask for again."""
_STEP = 0.05

_CLIENT: dict[tuple[str, Cause], Advice] = {
    ("claude-code", "system changed"): Advice(
        "client",
        'settings.json: "env": {"CLAUDE_CODE_ATTRIBUTION_HEADER": "0"}, "includeGitInstructions": false',
        "Claude Code then leaves its billing line and the git status out of the system prompt.",
    ),
    ("openclaw", "history pruned"): Advice(
        "client",
        "agents.defaults.contextPruning.mode: off",
        "OpenClaw then leaves old tool output as it is, until it compacts.",
    ),
}


def advice(cause: Cause, facts: Facts) -> tuple[Advice, ...]:
    """The things to try, the most promising first."""
    found = [_option(option) for option in facts.options[:_MOST_RULES]]
    client = facts.record.exchange.client if facts.record.exchange else None
    if client is not None and (own := _CLIENT.get((client, cause))) is not None:
        found.append(own)
    found += _for_cause(cause, facts)
    return tuple(found)


def _option(option: Option) -> Advice:
    kept = f"{share(option.shared / option.size)} of the prompt" if option.size else "more of the prompt"
    why = f"It would have kept {kept} as it was before (predicted)."
    if not option.rules:
        return Advice("kvconsole", "b", f"Let the rules work again. {why}")
    level = f" It is on at level {option.level}." if option.level else ""
    return Advice("rule", ", ".join(option.rules), f"{why}{level}")


def _for_cause(cause: Cause, facts: Facts) -> list[Advice]:
    match cause:
        case "system changed" if not facts.options:
            why = "No rule knows this text yet; one of your own can move or remove it."
            return [Advice("kvconsole", "kvconsole rules new", why)]
        case "message rewritten" if not facts.options:
            why = "If the client does this on its own, a rule of your own can move or remove that text."
            return [Advice("kvconsole", "kvconsole rules new", why)]
        case "tools changed" if not facts.options:
            why = "Tools stand near the beginning of the prompt: whatever comes behind them is read anew."
            return [Advice("client", "the same tools in every request of a conversation", why)]
        case "history pruned" | "history compacted":
            why = (
                "Behind the gap, chunks of 256 tokens or more are then shifted, where the model can do that."
            )
            return [Advice("flag", "--cache-reuse 256", why)]
        case "rule flipped":
            why = "A switch then counts in new conversations only, and those under way stay warm."
            return [Advice("kvconsole", 'flips = "new-lanes"', why)]
        case "model changed":
            why = "Each model has a cache of its own, and reads a prompt that another one knows anew."
            return [Advice("client", "the same model throughout a conversation", why)]
        case "reasoning dropped" if facts.preserves is not False:
            why = "The template then keeps what the model thought in earlier turns, if it supports that."
            return [Advice("flag", "--reasoning-preserve", why)]
        case "reasoning dropped" if facts.before is not None and facts.before.thoughtful:
            why = (
                "This one leaves out what the model thought before the latest question; another may keep it."
            )
            return [Advice("flag", "--chat-template-file FILE", why)]
        case "slot taken":
            return _slots(facts)
        case "evicted":
            return [*_ram(facts), *_slots(facts)]
        case "checkpoint fallback" | "full re-processing":
            return _checkpoints(facts)
        case "cache lost":
            return _lost(facts)
        case "template changed":
            why = "A date in the template changes every prompt at midnight."
            return [
                Advice("flag", "--chat-template-file FILE", f"{why} A copy of it without the date does not.")
            ]
        case "unknown":
            return _more_log(facts)
        case _:
            return []


def _slots(facts: Facts) -> list[Advice]:
    if beside(facts) is not None:
        why = "A slot works at one request at a time; another slot has to read the prompt from its beginning."
        return [Advice("client", "one request after the other", why)]
    found: list[Advice] = []
    taker = facts.before.taker if facts.before else None
    seized = _seized(facts, taker) if taker else None
    short = facts.slots is not None and facts.lanes >= facts.slots
    # A slot that was chosen for what it held would have been chosen among any number of them.
    if facts.slots is not None and short and (seized is None or facts.slots == 1):
        wanted = facts.lanes + 1
        lanes, slots = plural(facts.lanes, "conversation"), plural(facts.slots, "slot")
        why = f"{lanes} and the requests beside share {slots}."
        found.append(
            Advice("flag", f"-np {wanted}", f"{why} Raise --ctx-size with it: slots divide the context.")
        )
    if facts.cache_ram == 0:
        found += _ram(facts)
    if seized is not None and seized.above is not None:
        why = (
            f"Request {seized.record} got the slot because {share(seized.sim)} of its prompt stood there "
            f"already; then it takes more than {share(seized.above)}."
        )
        found.append(Advice("flag", f"-sps {seized.above:g}", why))
    return found


class _Seized(NamedTuple):
    """A slot that somebody got for what both prompts have in common."""

    record: int
    sim: float
    above: float | None
    """Similarity to ask for instead; None where the conversation itself would miss it."""


def _seized(facts: Facts, taker: Taker) -> _Seized | None:
    turn, record = taker.record.turn, facts.record
    if turn is None or turn.selected_by != "lcp" or turn.sim_best is None:
        return None
    had = facts.before.record.prompt_tokens if facts.before else None
    own = had / record.prompt_tokens if had and record.prompt_tokens else None
    above = max(_HALF, math.ceil(turn.sim_best / _STEP) * _STEP)
    fits = own is not None and round(above, 2) < own
    return _Seized(taker.record.id, turn.sim_best, round(above, 2) if fits else None)


def _ram(facts: Facts) -> list[Advice]:
    if facts.cache_ram == 0:
        return [Advice("flag", "--cache-ram 8192", "Prompts that leave a slot are then kept in host memory.")]
    if facts.cache_ram is not None and facts.cache_ram < 0:
        return []
    if facts.cache_ram is None:
        return [Advice("flag", "--cache-ram MIB", "More host memory keeps more prompts that leave a slot.")]
    why = f"The host cache holds {facts.cache_ram:,.0f} MiB of prompts that left a slot; more keeps more."
    return [Advice("flag", f"--cache-ram {2 * facts.cache_ram:.0f}", why)]


def _checkpoints(facts: Facts) -> list[Advice]:
    why = "With a sliding window, all of the cache is then kept, in more memory; it does nothing for hybrids."
    more = 2 * (facts.checkpoints or _CHECKPOINTS)
    found = [
        Advice("flag", "--swa-full", why),
        Advice("flag", f"-ctxcp {more}", "More checkpoints let the server go back less far."),
    ]
    return [*found, *_more_log(facts)]


def _more_log(facts: Facts) -> list[Advice]:
    why = "This build logs forced re-processing and checkpoints only then."
    return [Advice("flag", "-lv 4", why)] if facts.hidden else []


def _lost(facts: Facts) -> list[Advice]:
    renewed = facts.before.renewed if facts.before else None
    if renewed and "slept" in renewed:
        return [Advice("flag", "--sleep-idle-seconds -1", "The server then keeps the model and its cache.")]
    if renewed and "unloaded" in renewed:
        return [Advice("flag", "--models-max", "More models stay loaded side by side, with their caches.")]
    return []
