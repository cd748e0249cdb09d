from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.llama import events as ev
from proxy_core.llama.grammar import parse
from proxy_core.llama.logfacts import LogCollector
from proxy_core.llama.turns import TurnAssembler
from tests.llama.corpus import (
    ERAS,
    OTHERS,
    SILENT,
    WRAPPERS,
    all_lines,
    prefixed,
    slot,
    srv,
    structured,
)


def selected(text: str, *, task: int = -1) -> ev.SlotSelected:
    event = parse(slot("get_available_slot", f"selected slot by {text}", task=task))
    assert isinstance(event, ev.SlotSelected)
    return event


@pytest.mark.parametrize("name", ["sim_best", "f_sim_best"])
def test_sim_best_has_two_names(name: str) -> None:
    event = selected(f"LCP similarity, {name} = 0.407 (> 0.100 thold), f_keep = 0.256")
    assert (event.how, event.sim_best, event.threshold, event.f_keep) == ("lcp", 0.407, 0.1, 0.256)
    assert event.similarity is None


@pytest.mark.parametrize(
    ("text", "similarity", "lcp_n"),
    [
        ("lcp similarity, max_lcp_len = 31, similarity = 0.910000", 0.91, None),
        ("lcs similarity, max_lcs_len = 31, similarity = 0.910000", 0.91, None),
        ("lcs similarity, lcs_len = 31, similarity = 0.910000", 0.91, None),
        ("lcs similarity, lcs_len = 31, similarity = 0.910 (> 0.100 thold)", 0.91, 31),
        ("lcs similarity, lcs_len = 31, similarity = -nan(ind)", None, None),
    ],
)
def test_similarity_of_older_builds_is_never_sim_best(
    text: str, similarity: float | None, lcp_n: int | None
) -> None:
    event = selected(text, task=3)
    assert (event.how, event.similarity, event.sim_best, event.lcp_n) == ("lcp", similarity, None, lcp_n)


def test_the_structured_era_names_similarity_as_a_key() -> None:
    line = structured(
        "VERB", "f", "selected slot by lcp similarity", "id_slot=1 max_lcp_len=31 similarity=0.86"
    )
    event = parse(line)
    assert isinstance(event, ev.SlotSelected)
    assert (event.slot, event.how, event.similarity) == (1, "lcp", 0.86)


@pytest.mark.parametrize(
    ("text", "how"), [("LRU, t_last = -1", "lru"), ("lru, t_last = 181937362", "lru"), ("id (0)", "id")]
)
def test_slots_chosen_without_similarity(text: str, how: str) -> None:
    event = selected(text)
    assert event.how == how
    assert event.sim_best is None


def test_nan_is_unknown() -> None:
    event = selected("LCP similarity, sim_best = nan (> 0.100 thold), f_keep = inf")
    assert (event.sim_best, event.f_keep) == (None, None)


def test_a_candidate_gives_exact_lengths() -> None:
    event = parse(slot("get_availabl", " - checking sim = 0.407 (11/27) > 0.100", slot_id=2, task=-1))
    assert event == ev.SlotCandidate(None, 2, -1, None, 0.407, 11, 27, 0.1)


@pytest.mark.parametrize(
    ("text", "n_past"),
    [
        ("kv cache rm [12, end)", 12),
        ("n_past = 12, memory_seq_rm [13, end)", 12),
        ("n_tokens = 12, memory_seq_rm [13, end)", 12),
        ("cached n_tokens = 12, memory_seq_rm [13, end)", 12),
        ("n_past was set to 12", 12),
    ],
)
def test_reused_prefix_in_every_era(text: str, n_past: int) -> None:
    assert parse(slot("update_slots", text)) == ev.CachedPrefix(None, 0, 7, None, n_past)


@pytest.mark.parametrize(
    ("text", "n_tokens", "progress", "seconds"),
    [
        ("prompt processing progress, n_past = 512, n_tokens = 256, progress = 0.250000", 512, 0.25, None),
        (
            "prompt processing progress, n_tokens = 512, batch.n_tokens = 256, progress = 0.250000",
            512,
            0.25,
            None,
        ),
        (
            "prompt processing, n_tokens =    512, progress = 0.25, t =   3.10 s / 165.16 tokens per second",
            512,
            0.25,
            3.1,
        ),
        ("prompt done, n_past = 2048, n_tokens = 10", 2048, 1.0, None),
        ("prompt processing done, n_tokens = 2048, batch.n_tokens = 10", 2048, 1.0, None),
    ],
)
def test_progress_in_every_era(text: str, n_tokens: int, progress: float, seconds: float | None) -> None:
    assert parse(slot("f", text)) == ev.PromptProgress(None, 0, 7, None, n_tokens, progress, seconds)


@pytest.mark.parametrize("ms", ["nan", "-nan", "inf", "-nan(ind)"])
def test_a_timing_without_tokens_may_have_no_figure(ms: str) -> None:
    line = f"prompt eval time = {ms:>10} ms / {0:5d} tokens ({ms:>8} ms per token, {ms:>8} tokens per second)"
    assert parse(slot("print_timing", line)) == ev.PromptTiming(None, 0, 7, None, None, 0)
    assert parse(line) == ev.PromptTiming(None, None, None, None, None, 0)


def test_partial_cache_has_two_spellings() -> None:
    for name in ("cache_tokens.size()", "slot.prompt.tokens.size()"):
        event = parse(slot("f", f"n_past = 900, {name} = 1010, seq_id = 0, pos_min = 800, n_swa = 128"))
        assert event == ev.PartialCache(None, 0, 7, None, 900, 1010, 800)


def test_what_ends_a_task() -> None:
    assert parse(srv("stop", "cancel task, id_task = 65")) == ev.Cancelled(None, None, 65, None)
    assert parse(srv("send_error", "task id = 91, error: too long")) == ev.TaskFailed(
        None, None, 91, None, "too long"
    )
    released = parse(slot("release", "stop processing: n_tokens = 66, truncated = 1"))
    assert released == ev.Released(None, 0, 7, None, 66, True)


def test_losses_of_the_cache() -> None:
    for text in (
        "forcing full prompt re-processing due to lack of cache data (likely due to SWA, see url)",
        "forcing full prompt re-processing due to lack of cache data "
        "(likely due to SWA or hybrid/recurrent memory, see url)",
        "failed to truncate tokens with position >= 13 - clearing the memory",
    ):
        assert parse(slot("f", text)) == ev.ForcedFull(None, 0, 7, None)
    shift = "slot context shift, n_keep = 4, n_left = 8187, n_discard = 4093"
    assert parse(slot("f", shift)) == ev.ContextShift(None, 0, 7, None, 4, 4093)


def test_a_child_task_is_told_from_its_parent() -> None:
    assert parse(slot("f", "processing task, is_child = 1")) == ev.TaskStarted(None, 0, 7, None, True)
    assert parse(slot("f", "processing task, is_child = 0")) == ev.TaskStarted(None, 0, 7, None, False)


SILENT_IN_A_TURN = (
    "graphs reused",
    "updating prompt cache",
    "prompt cache update took",
    "prompt cache load took",
    "   - prompt 0x",
    "======== Prompt cache",
    "time=2026",
    "[GIN]",
)


def test_every_line_of_a_turn_says_something_or_is_known_to_be_silent() -> None:
    silent = [line for line in all_lines() if line and parse(line) is None]
    assert [line for line in silent if not any(words in line for words in SILENT_IN_A_TURN)] == []
    assert not [line for line in OTHERS if parse(line) is None]


@pytest.mark.parametrize("line", SILENT)
def test_silent_lines(line: str) -> None:
    assert parse(line) is None
    assert parse(f"[57130] 0.33.810.930 I {line}") is None


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS.keys())
def test_wrappers_change_no_event(wrap: Callable[[str], str]) -> None:
    for line in all_lines():
        assert parse(wrap(line)) == parse(line), line


def test_colours_change_no_event() -> None:
    eras = [line for era in ERAS.values() for line in era]
    lines = [line for line in OTHERS + eras if line.startswith(("slot", "srv"))]
    assert [parse(x) for x in prefixed(lines, colour=True)] == [parse(x) for x in prefixed(lines)]


def test_a_coloured_warning_ends_in_the_line_after_it() -> None:
    kept = "slot update_slots: id  0 | task 7 | n_past was set to 1199"
    first, second = f"\x1b[34m0.01.000.000\x1b[0m \x1b[35mW {kept}", f"\x1b[0m\x1b[32mI \x1b[0m{kept}"
    assert parse(first) == ev.CachedPrefix(None, 0, 7, 1.0, 1199)
    assert parse(second) == ev.CachedPrefix(None, 0, 7, None, 1199)


MUTATED = st.builds(
    lambda line, at, cut, text: line[: at % (len(line) + 1)] + text + line[at % (len(line) + 1) + cut :],
    st.sampled_from(all_lines()),
    st.integers(0, 300),
    st.integers(0, 12),
    st.one_of(
        st.text(max_size=6),
        st.sampled_from(["9" * 5000, "-", "nan", "\x1b[", "\0", "²", "٣", "{", '"level":']),
    ),
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.one_of(MUTATED, st.text(max_size=200), st.sampled_from(all_lines() + SILENT)), max_size=30)
)
def test_no_input_raises(lines: list[str]) -> None:
    assembler, collector = TurnAssembler(), LogCollector()
    for line in lines:
        event = parse(line)
        if event is not None:
            assembler.feed(event)
            collector.feed(event)


def test_no_shuffled_log_raises() -> None:
    lines = [WRAPPERS[name](line) for name in ("bare", "journald") for line in all_lines()]
    assembler = TurnAssembler()
    for seed in range(20):
        random.Random(seed).shuffle(lines)
        for line in lines:
            event = parse(line)
            if event is not None:
                assembler.feed(event)


def test_each_era_is_there() -> None:
    assert all(any(isinstance(parse(line), ev.Released) for line in lines) for lines in ERAS.values())
