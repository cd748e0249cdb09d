"""Is the cache large enough for what the clients do?"""

from __future__ import annotations

from collections.abc import Iterator

from proxy_core.checkup.findings import Finding
from proxy_core.checkup.setup import Lane, Setup
from proxy_core.checkup.words import listed, number, plural
from proxy_core.visible import visible

_TOGETHER_SECONDS = 600.0
"""Conversations used within this time of one another take turns in the slots."""
_NEARLY_FULL = 0.85
_SMALL = 16_384
"""Tokens that the prompts of agents reach within a few turns."""
_HALF = 0.5
_ONE_OFF = 2
"""Messages of what is asked only once, such as a title: the question, and the answer."""
_MOST_SLOTS = 8
"""Beyond, a slot's share of the context and of the machine is too small."""
_HOST_CACHE = 6723
"""First build with a cache in host memory, of 8192 MiB unless it is told otherwise."""
_FEW = 3
"""Turns before one speaks of a habit."""


def check_slots(setup: Setup) -> Iterator[Finding]:
    """As many conversations at once as there are slots, or room to put the others."""
    slots = sum(server.slots or 0 for server in setup.servers) or setup.logged_slots
    lanes = setup.lanes
    if not slots:
        return
    if lanes is None:
        yield Finding("cache", "slots", "unknown", "Nobody tells how many conversations there are.")
        return
    busy = together(lanes)
    if not busy:
        saw = f"{plural(slots, 'slot')}, and no conversation has gone on yet."
        yield Finding("cache", "slots", "ok", saw)
        return
    saw = f"{plural(busy, 'conversation')} within ten minutes for {plural(slots, 'slot')}."
    if busy <= slots:
        yield Finding("cache", "slots", "ok", saw)
    elif setup.cache_limit == 0:
        saw += " Those without a slot lose their cache, since the host cache is off."
        do = (
            f"Start llama-server without --cache-ram 0, or with -np {min(busy, _MOST_SLOTS)} and a larger "
            "-c: -np divides it by the slots unless -kvu is given."
        )
        yield Finding("cache", "slots", "problem", saw, do)
    else:
        saw += " Those without a slot wait in the host cache, and are copied back when they are used."
        do = (
            f"It is quicker with -np {min(busy, _MOST_SLOTS)}; mind that -np divides -c by the slots unless "
            "-kvu is given."
        )
        yield Finding("cache", "slots", "hint", saw, do)


def check_host_cache(setup: Setup) -> Iterator[Finding]:
    """Where prompts go that have lost their slot."""
    limit, log = setup.cache_limit, setup.newest_log
    evictions = log.evictions if log else 0
    if limit == 0:
        saw = "The host cache is off: a prompt that loses its slot is read anew."
        yield Finding("cache", "host cache", "hint", saw, "Start llama-server without --cache-ram 0.")
        return
    if evictions:
        size = f" of {number(limit)} MiB" if limit and limit > 0 else ""
        saw = (
            f"The host cache{size} was full: {plural(evictions, 'prompt')} had to go since the "
            "server's start."
        )
        do = "Start llama-server with a larger --cache-ram (MiB), if there is memory."
        yield Finding("cache", "host cache", "hint", saw, do)
    elif limit is not None:
        size = f"up to {number(limit)} MiB" if limit > 0 else "as much as there is memory"
        yield Finding("cache", "host cache", "ok", f"The host cache holds {size}.")
    elif setup.build is not None:
        if setup.build < _HOST_CACHE:
            saw = "This build has no host cache: a prompt that loses its slot is read anew."
            do = "Use llama.cpp b6723 or newer, or give each conversation a slot with -np."
            yield Finding("cache", "host cache", "hint", saw, do)
        else:
            saw = "The log does not tell its size; it is 8,192 MiB unless --cache-ram says otherwise."
            yield Finding("cache", "host cache", "unknown", saw)


def check_context(setup: Setup) -> Iterator[Finding]:
    """Whether the longest prompt so far still fits, and for how long."""
    sizes = [server.ctx for server in setup.servers if server.ctx]
    ctx = min(sizes, default=None) or setup.logged_context
    if not ctx:
        return
    longest = setup.longest_prompt
    cut = sum(bool(turn.truncated or turn.shifted) for log in setup.logs for turn in log.turns)
    if cut:
        saw = (
            f"In {plural(cut, 'turn')} the context of {number(ctx)} tokens ran full, and its "
            "beginning was dropped."
        )
        yield Finding("cache", "context", "problem", saw, "Start llama-server with a larger -c.")
    elif longest is not None and longest >= ctx * _NEARLY_FULL:
        saw = f"The longest prompt had {number(longest)} of the {number(ctx)} tokens that a slot holds."
        do = (
            "Start llama-server with a larger -c, or with fewer slots: a prompt that does not fit is refused."
        )
        yield Finding("cache", "context", "hint", saw, do)
    elif longest is not None:
        saw = f"The longest prompt had {number(longest)} of the {number(ctx)} tokens that a slot holds."
        yield Finding("cache", "context", "ok", saw)
    elif ctx < _SMALL:
        saw = f"A slot holds {number(ctx)} tokens; agents fill that within a few turns."
        do = "Start llama-server with a larger -c, or with fewer slots."
        yield Finding("cache", "context", "hint", saw, do)
    else:
        yield Finding("cache", "context", "ok", f"A slot holds {number(ctx)} tokens.")


def check_shared(setup: Setup) -> Iterator[Finding]:
    """With one cache for all slots, conversations push one another out long before a slot is full."""
    log, longest, busy = setup.newest_log, setup.longest_prompt, together(setup.lanes or ())
    if log is None or not log.facts.kv_unified or not log.facts.n_ctx_slot or longest is None:
        return
    ctx, slots = log.facts.n_ctx_slot, log.facts.slots or 1
    if min(busy, slots) > 1 and longest * min(busy, slots) > ctx:
        saw = (
            f"All slots share one cache of {number(ctx)} tokens, and prompts of up to {number(longest)} in "
            f"{plural(busy, 'conversation')} may not fit into it together."
        )
        do = "Start llama-server with a larger -c, or with -np N and without -kvu, which divides it."
        yield Finding("cache", "shared cache", "hint", saw, do)


def check_reprocessing(setup: Setup) -> Iterator[Finding]:
    """Models whose cache cannot be cut where a prompt changes."""
    turns = [turn for log in setup.logs for turn in log.turns]
    forced = sum(turn.forced_full for turn in turns)
    if forced:
        saw = (
            f"{plural(forced, 'turn')} of {len(turns)} read the whole prompt, though part of it was in the "
            "cache."
        )
        do = (
            "For a model with a sliding window, start llama-server with --swa-full; for a hybrid or recurrent"
            " one, raise -ctxcp, and keep the prefix whole, since every change costs."
        )
        yield Finding("cache", "re-processing", "hint", saw, do)


def check_unsupported(setup: Setup) -> Iterator[Finding]:
    """Options that the server was given and cannot follow."""
    log = setup.newest_log
    if log is not None and log.facts.unsupported:
        names = listed([visible(name) for name in log.facts.unsupported])
        saw = f"The log says that this does not work with this model, or with its other options: {names}."
        yield Finding("cache", "options", "hint", saw, "Do not count on it; leave it away.")


def check_choice(setup: Setup) -> Iterator[Finding]:
    """Slots given to prompts that share little with what they hold."""
    log = setup.newest_log
    if log is None or (setup.logged_slots or 0) < 2:
        return
    chosen = [turn for turn in log.turns if turn.selected_by == "lcp" and turn.sim_best is not None]
    # f_keep tells the loss: what was thrown away of the slot's own prompt.
    poor = [t for t in chosen if (t.sim_best or 0) < _HALF and t.f_keep is not None and t.f_keep < _HALF]
    if len(poor) >= _FEW:
        saw = (
            f"{len(poor)} of {len(chosen)} turns took a slot whose prompt shared less than half with theirs."
        )
        do = "Start llama-server with -sps 0.5, so that those take a free slot instead."
        yield Finding("cache", "slot choice", "hint", saw, do)


def together(lanes: tuple[Lane, ...]) -> int:
    """Conversations that went on, and were used within ten minutes of the newest one."""
    went_on = [lane for lane in lanes if lane.messages > _ONE_OFF]
    newest = max((lane.seen for lane in went_on), default=0.0)
    return sum(newest - lane.seen <= _TOGETHER_SECONDS for lane in went_on)
