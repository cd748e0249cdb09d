from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx
import msgspec
import pytest

from proxy_core.llama.grammar import parse
from proxy_core.llama.turns import Turn, TurnAssembler
from tests.llama.corpus import (
    ERAS,
    EVAL,
    PROMPT,
    TOTAL,
    WRAPPERS,
    prefixed,
    slot,
    srv,
    structured,
    timing,
)
from tests.real_llama import LlamaFactory, LlamaServer, running_llama


def turns(lines: Iterable[str]) -> list[Turn]:
    assembler = TurnAssembler()
    events = (parse(line) for line in lines)
    return [turn for event in events if event is not None for turn in assembler.feed(event)]


def selected(slot_id: int, sim: str = "0.500") -> str:
    text = f"selected slot by LCP similarity, f_sim_best = {sim} (> 0.100 thold), f_keep = 0.900"
    return slot("get_availabl", text, slot_id=slot_id, task=-1)


def started(slot_id: int, task: int) -> str:
    return slot("launch_slot_", "processing task, is_child = 0", slot_id=slot_id, task=task)


def released(slot_id: int, task: int, n_tokens: int = 1249) -> str:
    text = f"stop processing: n_tokens = {n_tokens}, truncated = 0"
    return slot("release", text, slot_id=slot_id, task=task)


def timed(slot_id: int, task: int, prompt_n: int, gen_n: int = 50) -> list[str]:
    figures = (timing("prompt eval time", 400.0, prompt_n), timing("eval time", 1000.0, gen_n))
    return [slot("print_timing", text, slot_id=slot_id, task=task) for text in figures]


QUIET = ("b9200", "b9300", "b9900", "b10500")
"""Eras and verbosities that do not log how many tokens were reused."""


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS.keys())
@pytest.mark.parametrize("era", ERAS)
def test_one_turn_in_every_era(era: str, wrap: Callable[[str], str]) -> None:
    (turn,) = turns(wrap(line) for line in ERAS[era])
    assert (turn.slot, turn.task) == (0, 7)
    assert (turn.prompt_n, turn.prompt_ms) == (200, 400.0)
    assert (turn.gen_n, turn.gen_ms, turn.total_ms) == (50, 1000.0, 1400.0)
    assert (turn.end_n, turn.cached_n, turn.prompt_tokens) == (1249, 1000, 1200)
    assert turn.cached_source == ("derived" if era in QUIET else "logged")
    assert turn.truncated is (None if era == "2023" else False)
    assert not turn.cancelled
    assert not turn.forced_full


def test_what_the_eras_tell_about_the_selection() -> None:
    told = {era: turns(lines)[0] for era, lines in ERAS.items()}
    figures = {era: (t.selected_by, t.sim_best, t.similarity, t.f_keep, t.lcp_n) for era, t in told.items()}
    assert figures == {
        "2023": (None, None, None, None, None),
        **dict.fromkeys(("b2500", "b2500 json", "b3800", "b4010", "b4500"), ("lcp", None, 0.91, None, None)),
        "b5600": ("lcp", None, 0.91, None, 1000),
        "b6500": ("lcp", None, 0.99, None, 1000),
        **dict.fromkeys(
            ("b6740", "b7000", "b8500", "b9200", "b9300", "b9300 -lv 4", "b9900", "b10500", "ollama"),
            ("lcp", 0.833, None, 0.99, None),
        ),
        "b10500 -lv 4": ("lcp", 0.833, None, 0.99, 1000),
        "ik_llama.cpp": (None, None, None, None, 1000),
    }


@pytest.mark.parametrize("era", ["b8500", "b9200", "b9300", "b9300 -lv 4", "b9900", "b10500", "b10500 -lv 4"])
def test_every_era_as_a_router_prints_it(era: str) -> None:
    (plain,) = turns(ERAS[era])
    (turn,) = turns(f"[57130] {line}" for line in ERAS[era])
    assert turn == msgspec.structs.replace(plain, port=57130)


@pytest.mark.parametrize("era", [era for era in ERAS if era.startswith("b")])
def test_every_era_interleaved_with_another_slot(era: str) -> None:
    other = [line.replace("id  0", "id  3").replace("task 7", "task 8") for line in ERAS[era]]
    other = [line.replace("id_slot=0", "id_slot=3").replace("id_task=7", "id_task=8") for line in other]
    other = [
        line.replace('"id_slot":0', '"id_slot":3').replace('"id_task":7', '"id_task":8') for line in other
    ]
    (plain,) = turns(ERAS[era])
    # Entries of the two come in turns; one with several lines is written in one piece.
    both: list[str] = []
    for first, second in zip(_entries(ERAS[era]), _entries(other), strict=True):
        both += [*first, *second]
    got = {turn.slot: turn for turn in turns(both)}
    assert sorted(got) == [0, 3]
    for turn in got.values():
        figures = (
            "prompt_n",
            "prompt_ms",
            "gen_n",
            "cached_n",
            "n_tokens",
            "end_n",
            "sim_best",
            "similarity",
        )
        assert [getattr(turn, name) for name in figures] == [getattr(plain, name) for name in figures]


def _entries(lines: list[str]) -> list[list[str]]:
    """A timing block without prefixes belongs to the line that opens it, and to the release before that."""
    entries: list[list[str]] = []
    for line in lines:
        bare = line.lstrip("\r ").startswith(("prompt eval time", "eval time", "total time"))
        opens = line.endswith("| ") and entries and "stop processing: n_past" in entries[-1][-1]
        if entries and (bare or opens):
            entries[-1].append(line)
        else:
            entries.append([line])
    return entries


def test_interleaved_slots_do_not_mix() -> None:
    first, second = timed(0, 45, 10), timed(1, 47, 30)
    lines = [selected(0, "0.250"), started(0, 45), selected(1, "0.750"), started(1, 47)]
    lines += [first[0], second[0], second[1], released(1, 47, 100), first[1], released(0, 45, 70)]
    got = [(t.slot, t.task, t.sim_best, t.prompt_n, t.cached_n) for t in turns(lines)]
    assert got == [(1, 47, 0.75, 30, 21), (0, 45, 0.25, 10, 11)]


def test_interleaved_slots_with_blocks_that_have_no_prefix() -> None:
    lines = [started(0, 45), started(1, 47)]
    lines += [slot("print_timing", "", slot_id=1, task=47), PROMPT, EVAL, TOTAL, released(1, 47)]
    lines += [slot("print_timing", "", slot_id=0, task=45), timing("prompt eval time", 9.0, 3), EVAL, TOTAL]
    lines += [released(0, 45)]
    assert [(t.task, t.prompt_n, t.prompt_ms) for t in turns(lines)] == [(47, 200, 400.0), (45, 3, 9.0)]


def test_children_of_a_router_do_not_mix() -> None:
    one = [f"[57130] {line}" for line in [selected(0), started(0, 7), *timed(0, 7, 10), released(0, 7, 100)]]
    two = [f"[57131] {line}" for line in [selected(0), started(0, 7), *timed(0, 7, 20), released(0, 7, 100)]]
    lines = [line for pair in zip(one, two, strict=True) for line in pair]
    assert [(t.port, t.prompt_n) for t in turns(lines)] == [(57130, 10), (57131, 20)]


def test_a_cancelled_turn_has_no_timings() -> None:
    (turn,) = turns([selected(0), started(0, 65), srv("stop", "cancel task, id_task = 65"), released(0, 65)])
    assert turn.cancelled
    assert (turn.end_n, turn.prompt_n, turn.cached_n, turn.prompt_tokens) == (1249, None, None, None)


def test_a_cancellation_of_a_waiting_task_touches_no_other() -> None:
    lines = [started(0, 65), srv("stop", "cancel task, id_task = 66"), *timed(0, 65, 10), released(0, 65)]
    assert not turns(lines)[0].cancelled


def test_a_refused_request_says_why_and_is_not_cancelled() -> None:
    error = "request (80001 tokens) exceeds the available context size (32768 tokens), try increasing it"
    lines = [started(1, 91), srv("send_error", f"task id = 91, error: {error}"), released(1, 91)]
    (turn,) = turns([*lines, srv("stop", "cancel task, id_task = 91")])
    assert (turn.error, turn.cancelled) == (error, False)


def test_a_pinned_task_may_have_no_selection_line() -> None:
    (turn,) = turns([started(0, 36), *timed(0, 36, 2, 8), released(0, 36, 1809)])
    assert (turn.selected_by, turn.sim_best, turn.cached_n) == (None, None, 1800)
    (turn,) = turns([slot("f", "selected slot by id (0)", task=-1), started(0, 36), released(0, 36)])
    assert (turn.selected_by, turn.sim_best) == ("id", None)


def test_a_selection_counts_for_one_task_only() -> None:
    lines = [selected(0), started(0, 1), released(0, 1), started(0, 2), released(0, 2)]
    assert [t.sim_best for t in turns(lines)] == [0.5, None]


def test_a_candidate_of_an_earlier_round_is_forgotten() -> None:
    candidate = slot("get_availabl", " - checking sim = 0.407 (11/27) > 0.100", slot_id=1, task=-1)
    pinned = slot("get_availabl", "selected slot by id (1)", slot_id=1, task=-1)
    lines = [candidate, selected(0), started(0, 1), released(0, 1), pinned, started(1, 2), released(1, 2)]
    assert [t.lcp_n for t in turns(lines)] == [None, None]


@pytest.mark.parametrize(
    "line",
    [
        srv("init", "initializing ..."),
        srv("load_model", "loading model 'tiny.gguf'"),
        srv("init", "initializing slots, n_slots = 1"),
        "main: server is listening on http://127.0.0.1:8080",
    ],
)
def test_a_restart_drops_what_was_open(line: str) -> None:
    assert turns([selected(0), started(0, 7), *timed(0, 7, 10), line, released(0, 7)]) == []
    (turn,) = turns([selected(0), line, started(0, 0), released(0, 0)])
    assert turn.sim_best is None


def test_a_restarted_child_leaves_its_siblings_alone() -> None:
    lines = [f"[1] {started(0, 7)}", f"[2] {started(0, 7)}", "[1] main: model loaded"]
    lines += [f"[1] {released(0, 7)}", f"[2] {released(0, 7)}"]
    assert [t.port for t in turns(lines)] == [2]


def test_a_log_read_from_its_middle() -> None:
    assert turns([released(0, 7)]) == []
    (turn,) = turns([*timed(0, 7, 10), released(0, 7, 100)])
    assert (turn.prompt_n, turn.cached_n, turn.selected_by) == (10, 41, None)


def test_forced_full_reuses_nothing() -> None:
    text = "forcing full prompt re-processing due to lack of cache data (likely due to SWA, see url)"
    first = slot("f", "cached n_tokens = 0, memory_seq_rm [0, end)")
    (turn,) = turns([selected(0), started(0, 7), slot("f", text), first, released(0, 7)])
    assert (turn.forced_full, turn.cached_n, turn.cached_source) == (True, 0, "logged")


def test_a_memory_that_could_not_be_cut_takes_the_logged_prefix_back() -> None:
    kept = slot("f", "n_tokens = 14, memory_seq_rm [14, end)")
    lost = slot("f", "failed to truncate tokens with position >= 14 - clearing the memory")
    (turn,) = turns([started(0, 7), kept, lost, released(0, 7)])
    assert (turn.forced_full, turn.cached_n) == (True, 0)


def test_a_restored_checkpoint_outweighs_the_invalidated_ones() -> None:
    restored = slot(
        "f", "restored context checkpoint (pos_min = 0, pos_max = 99, n_tokens = 100, size = 1.5 MiB)"
    )
    erased = slot(
        "f", "erased invalidated context checkpoint (pos_min = 0, pos_max = 199, n_swa = 1, size = 1.5 MiB)"
    )
    for order in ([restored, erased], [erased, restored]):
        (turn,) = turns([started(0, 7), *order, released(0, 7)])
        assert (turn.checkpoint, turn.checkpoint_pos) == ("restored", 99)
    (turn,) = turns([started(0, 7), erased, released(0, 7)])
    assert (turn.checkpoint, turn.checkpoint_pos) == ("invalidated", 199)
    created = slot("f", "created context checkpoint 1 of 32 (pos_min = 0, pos_max = 99, size = 1.5 MiB)")
    (turn,) = turns([started(0, 7), created, released(0, 7)])
    assert (turn.checkpoint, turn.checkpoint_pos) == (None, None)


def test_partial_cache_tells_the_common_prefix() -> None:
    line = slot("f", "n_past = 900, cache_tokens.size() = 1010, seq_id = 0, pos_min = 800")
    (turn,) = turns([started(0, 7), line, released(0, 7)])
    assert turn.lcp_n == 900


def test_nothing_is_derived_after_a_context_shift_or_from_a_negative_balance() -> None:
    shift = slot("f", "slot context shift, n_keep = 4, n_left = 8187, n_discard = 4093")
    (turn,) = turns([started(0, 7), shift, *timed(0, 7, 10), released(0, 7)])
    assert (turn.cached_n, turn.cached_source) == (None, None)
    (turn,) = turns([started(0, 7), *timed(0, 7, 500), released(0, 7, 100)])
    assert (turn.cached_n, turn.cached_source) == (None, None)


def cached(text: str) -> str:
    return srv("load", f" - {text}")


FOUND = cached("found better prompt with f_keep = 0.977, f_sim = 0.912")
EVICTED = srv("update", " - cache size limit reached, removing oldest entry (size = 12.500 MiB)")


def test_what_a_slot_held_when_it_was_selected() -> None:
    lines = [selected(0), started(0, 7), released(0, 7, 900), selected(0), started(0, 9), released(0, 9, 50)]
    assert [(t.held_task, t.held_n) for t in turns(lines)] == [(None, None), (7, 900)]


def test_a_slot_that_was_never_used_is_empty() -> None:
    lru = slot("get_availabl", "selected slot by LRU, t_last = -1", slot_id=1, task=-1)
    (turn,) = turns([lru, started(1, 7), released(1, 7)])
    assert (turn.held_task, turn.held_n, turn.selected_by) == (None, 0, "lru")
    # Neither does a slot hold anything after a start, though an older build does not say how it was chosen.
    (turn,) = turns([srv("load_model", "loading model 'x'"), started(1, 7), released(1, 7)])
    assert (turn.held_task, turn.held_n) == (None, 0)


def test_what_was_held_is_told_without_a_selection_line() -> None:
    lines = [started(0, 7), released(0, 7, 900), started(0, 9), released(0, 9)]
    assert [(t.held_task, t.held_n) for t in turns(lines)] == [(None, None), (7, 900)]


def test_a_refused_task_leaves_what_its_release_says() -> None:
    failed = srv("send_error", "task id = 7, error: too long")
    lines = [started(0, 7), failed, released(0, 7, 0), started(0, 9), released(0, 9)]
    assert (turns(lines)[1].held_task, turns(lines)[1].held_n) == (7, 0)


def test_an_entry_of_the_host_cache_is_found() -> None:
    for before in (selected(0), slot("f", "selected slot by LRU, t_last = 181937362", task=-1)):
        (turn,) = turns(
            [
                before,
                cached("looking for better prompt, base f_keep = 0.0, f_sim = 0.0"),
                FOUND,
                started(0, 7),
                released(0, 7),
            ]
        )
        assert turn.found_in_ram
    (turn,) = turns([selected(0), started(0, 7), released(0, 7)])
    assert not turn.found_in_ram


def test_an_entry_that_could_not_be_loaded_is_not_found() -> None:
    failed = slot("get_availabl", "failed to load prompt from cache", task=-1)
    cleared = slot("prompt_clear", "clearing prompt with 900 tokens", task=-1)
    lines = [started(0, 5), released(0, 5, 900), selected(0), FOUND, failed, cleared, started(0, 7)]
    _, turn = turns([*lines, released(0, 7)])
    assert (turn.found_in_ram, turn.cleared, turn.held_n) == (False, True, 900)


def test_more_reused_than_was_held_came_from_the_host_cache() -> None:
    lru = slot("get_availabl", "selected slot by LRU, t_last = 181937362", task=-1)
    held = [started(0, 5), *timed(0, 5, 10), released(0, 5, 100)]
    _, turn = turns([*held, lru, started(0, 7), *timed(0, 7, 200), released(0, 7)])
    assert (turn.cached_n, turn.held_n, turn.found_in_ram) == (1000, 100, True)
    held = [started(0, 5), *timed(0, 5, 10), released(0, 5, 995)]
    _, turn = turns([*held, lru, started(0, 7), *timed(0, 7, 200), released(0, 7)])
    assert not turn.found_in_ram, "the few tokens more may be those of a draft"


def test_more_reused_than_a_slot_may_share_came_from_the_host_cache() -> None:
    lru = slot("get_availabl", "selected slot by LRU, t_last = 181937362", task=-1)
    held = [selected(0), started(0, 5), *timed(0, 5, 10), released(0, 5, 2000)]
    for reused, found in ((1000, True), (30, False)):
        lines = [*held, lru, started(0, 7), *timed(0, 7, 200), released(0, 7, reused + 249)]
        assert turns(lines)[1].found_in_ram is found
    # Where slots are chosen by their age alone, the log names no threshold.
    _, turn = turns([lru, *held[1:], lru, started(0, 7), *timed(0, 7, 200), released(0, 7)])
    assert (turn.cached_n, turn.found_in_ram) == (1000, False)


def test_the_other_slots_are_cleared_when_one_begins() -> None:
    saving = slot("process_sing", "saving idle slot to prompt cache", slot_id=1, task=-1)
    clearing = slot("prompt_clear", "clearing prompt with 900 tokens", slot_id=1, task=-1)
    lines = [started(1, 5), released(1, 5, 900), started(0, 7), saving, clearing, released(0, 7)]
    lines += [selected(1), started(1, 9), released(1, 9), selected(1), started(1, 11), released(1, 11)]
    last = {turn.task: (turn.cleared, turn.held_n) for turn in turns(lines)}
    assert last == {5: (False, None), 7: (False, None), 9: (True, 0), 11: (False, 1249)}


@pytest.mark.parametrize(
    "line",
    [
        srv("try_clear_id", "purging slot 1 with 900 tokens"),
        slot("clear_slot", "clearing slot with 900 tokens", slot_id=1, task=-1),
        slot("launch_slot_", "clearing cache for lora change. 1 loras -> 0 loras", slot_id=1, task=-1),
    ],
)
def test_other_ways_to_clear_a_slot(line: str) -> None:
    lines = [started(1, 5), released(1, 5, 900), line, selected(1), started(1, 9), released(1, 9)]
    assert [(turn.cleared, turn.held_n) for turn in turns(lines)] == [(False, None), (True, 0)]


def test_nothing_is_lost_by_clearing_an_empty_slot() -> None:
    line = slot("prompt_clear", "clearing prompt with 0 tokens", slot_id=1, task=-1)
    (turn,) = turns([line, selected(1), started(1, 9), released(1, 9)])
    assert not turn.cleared


def test_evictions_since_the_slot_s_last_turn_and_in_all() -> None:
    skipped = cached("prompt state size 9.500 MiB exceeds cache size limit 8.000 MiB, skipping")
    known = cached("prompt is already in the cache, skipping")
    lines = [started(0, 1), released(0, 1), EVICTED, started(1, 2), released(1, 2), EVICTED, skipped, known]
    lines += [started(0, 3), released(0, 3), started(1, 4), released(1, 4)]
    got = [(turn.evictions, turn.evicted_n) for turn in turns(lines)]
    assert got == [(0, 0), (1, 1), (3, 3), (2, 3)]


@pytest.mark.parametrize(
    "lines",
    [
        [
            srv("init", "initializing ..."),
            srv("load_model", "loading model 'x'"),
            srv("init", "model loaded"),
        ],
        [
            srv("handle_sleep", "server is entering sleeping state"),
            srv("handle_sleep", "server is exiting sleeping state"),
            srv("load_model", "loading model 'x'"),
        ],
        ["main: loading model", srv("init", "initializing slots, n_slots = 1"), "main: model loaded"],
        [structured("INFO", "main", "HTTP server listening", 'port="8080"')],
        [srv("operator()", "operator(): cleaning up before exit...")],
    ],
    ids=["today", "sleep", "2025", "2024", "stopped"],
)
def test_another_run_begins_an_epoch(lines: list[str]) -> None:
    before, after = turns([started(0, 7), released(0, 7), *lines, started(0, 8), released(0, 8)])
    assert (before.epoch, after.epoch, after.held_n, after.evicted_n) == (0, 1, 0, 0)
    # A server that was started twice without a turn in between has run once, as far as turns go.
    assert turns([*lines, *lines, started(0, 7), released(0, 7)])[0].epoch == 0


def test_a_restart_shows_where_its_lines_are_missing() -> None:
    late = prefixed([started(0, 7), released(0, 7)], start=500.0)
    early = prefixed([started(0, 3), released(0, 3)], start=5.0)
    assert [(turn.epoch, turn.held_n) for turn in turns([*late, *early])] == [(0, None), (1, 0)]
    again = turns([started(0, 7), released(0, 7), started(0, 0), released(0, 0)])
    assert [(turn.epoch, turn.held_n) for turn in again] == [(0, None), (1, 0)]


def test_a_reloaded_child_begins_an_epoch_of_its_own() -> None:
    def run(port: int, task: int) -> list[str]:
        return [f"[{port}] {line}" for line in (started(0, task), released(0, task))]

    lines = [*run(5001, 1), *run(5002, 1), "[5001] main: model loaded", *run(5001, 2), *run(5002, 2)]
    assert [(t.port, t.epoch) for t in turns(lines)] == [(5001, 0), (5002, 1), (5001, 2), (5002, 1)]


def test_a_shifted_context_is_told() -> None:
    shift = slot("f", "slot context shift, n_keep = 4, n_left = 8187, n_discard = 4093")
    (turn,) = turns([started(0, 7), shift, released(0, 7)])
    assert turn.shifted


def test_a_slot_that_the_request_named_is_compared_afterwards() -> None:
    pinned = slot("get_availabl", "selected slot by id (0)", task=-1)
    candidate = slot("get_availabl", " - checking sim = 0.994 (361/363) > 0.100", task=-1)
    (turn,) = turns([pinned, candidate, started(0, 7), released(0, 7)])
    assert (turn.selected_by, turn.lcp_n, turn.sim_best) == ("id", 361, None)


def n_past(slot_id: int, task: int) -> str:
    return slot("release", "stop processing: n_past = 1249, truncated = 0", slot_id=slot_id, task=task)


def test_builds_that_time_a_task_after_its_release() -> None:
    block = [slot("print_timing", ""), PROMPT, EVAL, TOTAL]
    idle = srv("update_slots", "all slots are idle")
    (turn,) = turns([started(0, 7), n_past(0, 7), *block])
    assert (turn.prompt_n, turn.prompt_ms, turn.gen_n, turn.total_ms) == (200, 400.0, 50, 1400.0)
    assert (turn.end_n, turn.cached_n, turn.cached_source) == (1249, 1000, "derived")
    # Two that end in one step.
    lines = [started(0, 7), started(1, 8), n_past(0, 7), *block, n_past(1, 8)]
    lines += [slot("print_timing", "", slot_id=1, task=8), PROMPT, EVAL, TOTAL, idle]
    assert [(t.task, t.prompt_n) for t in turns(lines)] == [(7, 200), (8, 200)]
    # The block of the next one is not that of one without a block, as an embedding is.
    lines = [started(0, 7), n_past(0, 7), started(0, 8), *timed(0, 8, 3), n_past(0, 8), idle]
    assert [(t.task, t.prompt_n) for t in turns(lines)] == [(7, None), (8, 3)]
    # journald hides the figures of these builds, since they begin with a carriage return.
    blob = "Dec 02 12:10:29 box llama-server[24689]: [100B blob data]"
    (turn,) = turns([started(0, 7), n_past(0, 7), slot("print_timing", ""), blob, idle])
    assert (turn.end_n, turn.prompt_n) == (1249, None)
    # A restart is not waited through.
    (turn,) = turns([started(0, 7), n_past(0, 7), srv("init", "initializing ...")])
    assert turn.end_n == 1249


def test_a_cancelled_task_of_those_builds_is_told_at_once() -> None:
    (turn,) = turns([started(0, 7), srv("stop", "cancel task, id_task = 7"), n_past(0, 7)])
    assert turn.cancelled


def test_ik_llama_tells_what_a_prompt_shares_with_its_slot() -> None:
    line = "======== Cache: cache_size = 1010, n_past =  1000, n_past_prompt = 1000"
    older = (
        "======== Cache: cache_size = 1010, n_past0 =  1000, n_past1 =  1000, n_past_prompt1 = 1000,"
        "  n_past2 =  1000, n_past_prompt2 =  1000"
    )
    for text in (line, older):
        (turn,) = turns([started(0, 7), text, released(0, 7)])
        assert turn.lcp_n == 1000


def ask(url: str, prompt: str, **options: object) -> dict[str, float]:
    body = {"prompt": prompt, "n_predict": 8, **options}
    reply = httpx.post(f"{url}/completion", json=body, timeout=60, trust_env=False).json()
    timings: dict[str, float] = reply["timings"]
    return timings | {"end_n": reply["tokens_cached"], "slot": reply["id_slot"]}


def turns_of(server: LlamaServer, count: int) -> list[Turn]:
    """The turns in a server's log, once there are `count`: a release is logged after the answer was sent."""
    deadline = time.monotonic() + 20
    while True:
        got = turns(server.log_path.read_text(encoding="utf-8").splitlines())
        if len(got) >= count or time.monotonic() > deadline:
            return got
        time.sleep(0.02)


@pytest.mark.parametrize(("verbosity", "source"), [(3, "derived"), (4, "logged")])
def test_a_real_server_agrees(llama_factory: LlamaFactory, verbosity: int, source: str) -> None:
    server = llama_factory(parallel=2, verbosity=verbosity)
    text = "the quick brown fox " * 60
    answers = [
        ask(server.url, text + "one"),
        ask(server.url, text + "two and three"),
        ask(server.url, "another thing entirely " * 40),
        ask(server.url, text + "four", id_slot=1, n_predict=1),
        ask(server.url, text + "five", cache_prompt=False),
    ]
    with httpx.stream(
        "POST",
        f"{server.url}/completion",
        json={"prompt": text, "n_predict": -1, "stream": True, "ignore_eos": True},
        timeout=60,
        trust_env=False,
    ) as stream:
        next(stream.iter_lines())
    answers.append(ask(server.url, text + "six", id_slot=0))
    answers.append(ask(server.url, text + "seven", id_slot=1))
    got = turns_of(server, len(answers) + 1)
    whole = [turn for turn in got if not turn.cancelled]
    assert [turn.cancelled for turn in got].count(True) == 1
    assert len(whole) == len(answers)
    for turn, answer in zip(whole, answers, strict=True):
        assert turn.slot == answer["slot"]
        assert (turn.prompt_n, turn.gen_n) == (answer["prompt_n"], answer["predicted_n"])
        assert turn.prompt_ms == pytest.approx(answer["prompt_ms"], abs=0.006)
        assert (turn.cached_n, turn.cached_source) == (answer["cache_n"], source)
        assert turn.end_n == answer["end_n"]


@pytest.mark.parametrize("verbosity", [3, 4])
def test_a_real_server_loses_and_finds_prompts_in_its_host_cache(
    llama_factory: LlamaFactory, verbosity: int
) -> None:
    # A cache of 1 MiB has room for the first two prompts, or for the third alone.
    server = llama_factory(parallel=1, cache_ram=1, verbosity=verbosity)
    prompts = [words * 800 for words in ("word and thing ", "other many parts ", "lorem ipsum dolor ")]
    order = [0, 0, 1, 0, 2, 1]
    answers = [ask(server.url, prompts[which]) for which in order]
    got = turns_of(server, len(order))
    assert [turn.cached_n for turn in got] == [answer["cache_n"] for answer in answers]
    assert [turn.held_task for turn in got] == [None, *(turn.task for turn in got[:-1])]
    assert [turn.held_n for turn in got] == [0, *(turn.end_n for turn in got[:-1])]
    assert [turn.found_in_ram for turn in got] == [False, False, False, True, False, False]
    assert got[3].cached_n == got[1].cached_n
    assert got[-1].evicted_n > 0
    assert got[1].cached_n
    assert [turn.evictions for turn in got] == [
        later.evicted_n - earlier.evicted_n for earlier, later in zip([got[0], *got], got, strict=False)
    ]
    assert {turn.epoch for turn in got} == {0}


def test_a_real_server_clears_idle_slots_that_share_a_cache(tmp_path: Path) -> None:
    # Without a number of slots the server takes four, and lets them share one cache.
    with running_llama(tmp_path / "server.log", parallel=-1, verbosity=4) as server:
        for words in ("word and thing ", "other many parts ", "word and thing "):
            ask(server.url, words * 100)
        *_, last = turns_of(server, 3)
    assert (last.cleared, last.held_n) in ((True, 0), (False, 0))
    assert last.found_in_ram
