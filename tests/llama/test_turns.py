from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import httpx
import pytest

from proxy_core.llama.grammar import parse
from proxy_core.llama.turns import Turn, TurnAssembler
from tests.llama.corpus import ERAS, EVAL, PROMPT, TOTAL, WRAPPERS, slot, srv, timing
from tests.real_llama import LlamaFactory, LlamaServer


def turns(lines: Iterable[str]) -> list[Turn]:
    assembler = TurnAssembler()
    events = (parse(line) for line in lines)
    fed = (assembler.feed(event) for event in events if event is not None)
    return [turn for turn in fed if turn is not None]


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


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS.keys())
@pytest.mark.parametrize("era", ERAS)
def test_one_turn_in_every_era(era: str, wrap: Callable[[str], str]) -> None:
    (turn,) = turns(wrap(line) for line in ERAS[era])
    assert (turn.slot, turn.task) == (0, 7)
    assert (turn.prompt_n, turn.prompt_ms) == (200, 400.0)
    assert (turn.gen_n, turn.gen_ms, turn.total_ms) == (50, 1000.0, 1400.0)
    assert (turn.end_n, turn.cached_n, turn.prompt_tokens) == (1249, 1000, 1200)
    assert turn.cached_source == ("derived" if era in ("b9200", "b10500") else "logged")
    assert turn.truncated is (None if era == "2023" else False)
    assert not turn.cancelled
    assert not turn.forced_full


def test_what_the_eras_tell_about_the_selection() -> None:
    told = {era: turns(lines)[0] for era, lines in ERAS.items()}
    figures = {era: (t.selected_by, t.sim_best, t.similarity, t.f_keep, t.lcp_n) for era, t in told.items()}
    assert figures == {
        "2023": (None, None, None, None, None),
        "b2500": ("lcp", None, 0.91, None, None),
        "b3800": ("lcp", None, 0.91, None, None),
        "b5400": ("lcp", None, 0.91, None, None),
        "b6500": ("lcp", None, 0.99, None, 1000),
        "b7000": ("lcp", 0.833, None, 0.99, None),
        "b9200": ("lcp", 0.833, None, 0.99, None),
        "b10500": ("lcp", 0.833, None, 0.99, None),
        "b10500 -lv 4": ("lcp", 0.833, None, 0.99, 1000),
    }


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
