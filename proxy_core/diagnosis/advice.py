"""What to do about a verdict: a rule, a flag of llama-server, or a setting of the client.

Flags and defaults: llama.cpp b10587. Settings of clients: their own documentation and issue threads.
"""

from __future__ import annotations

from proxy_core.diagnosis.facts import Facts, Option
from proxy_core.diagnosis.model import Advice, Cause
from proxy_core.diagnosis.words import plural, share

_MOST_RULES = 3

_HALF = 0.5
"""The similarity that llama-server asked for before b6455, and that `-sps` can ask for again."""

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
        case "system changed" | "message rewritten" if not facts.options:
            why = "No rule knows this text yet; one of your own can move or remove it."
            return [Advice("kvconsole", "kvconsole rules new", why)]
        case "tools changed" if not facts.options:
            why = "Tools stand near the beginning of the prompt: whatever comes behind them is read anew."
            return [Advice("client", "the same tools in every request of a conversation", why)]
        case "history pruned" | "history compacted":
            why = (
                "Behind the gap, chunks of 256 tokens or more are then shifted, where the model can do that."
            )
            return [Advice("flag", "--cache-reuse 256", why)]
        case "reasoning dropped":
            why = "The template then keeps what the model thought in earlier turns, if it supports that."
            return [Advice("flag", "--reasoning-preserve", why)]
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
    found: list[Advice] = []
    if facts.slots is not None and facts.lanes >= facts.slots:
        wanted = facts.lanes + 1
        lanes, slots = plural(facts.lanes, "conversation"), plural(facts.slots, "slot")
        why = f"{lanes}, and the requests beside them, have {slots}."
        found.append(
            Advice("flag", f"-np {wanted}", f"{why} Raise --ctx-size with it: slots divide the context.")
        )
    if facts.cache_ram == 0:
        found += _ram(facts)
    if _seized(facts):
        why = "A request then takes a slot only if half of it stands there already, not a tenth."
        found.append(Advice("flag", "-sps 0.5", why))
    return found


def _seized(facts: Facts) -> bool:
    """Whether somebody else got the slot for little that both prompts have in common."""
    taker = facts.before.taker if facts.before else None
    turn = taker.record.turn if taker else None
    return turn is not None and turn.sim_best is not None and turn.sim_best <= _HALF


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
    found = [
        Advice("flag", "--swa-full", why),
        Advice("flag", "-ctxcp 64", "More checkpoints let the server go back less far."),
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
