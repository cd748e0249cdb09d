from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from proxy_core.llama.grammar import parse
from proxy_core.llama.logfacts import NO_LIMIT, NOTHING, LogCollector, LogFacts
from tests.llama.corpus import ERAS, all_lines, prefixed, slot, srv
from tests.real_llama import LlamaFactory


def collect(lines: Iterable[str]) -> LogCollector:
    collector = LogCollector()
    for line in lines:
        event = parse(line)
        if event is not None:
            collector.feed(event)
    return collector


def facts(lines: Iterable[str]) -> LogFacts:
    return collect(lines).facts


TODAY = [
    srv("init", "initializing ..."),
    srv("init", "build_info: b10587-1a2b3c4"),
    "cmn  common_param: common_params_print_info: verbosity = 4 (adjust with the `-lv N` CLI arg)",
    srv("init", "loading model"),
    srv("load_model", "loading model '/models/a.gguf'"),
    srv("load_model", "initializing, n_slots = 4, n_ctx_slot = 8192, kv_unified = 'true'"),
    slot("load_model", "new slot, n_ctx = 8192", task=-1),
    srv("load_model", "prompt cache is enabled, size limit: 4096 MiB"),
    srv("load_model", "context checkpoints enabled, max = 32, min spacing = 8192"),
    srv("init", "cache_reuse is not supported by this context, it will be disabled"),
    srv("init", "model loaded"),
    srv("init", "listening on http://127.0.0.1:8080"),
]

OLDER = [
    "build: 6500 (1a2b3c4d) with cc (Debian) 12.2.0 for x86_64-linux-gnu",
    "main: HTTP server is listening, hostname: 127.0.0.1, port: 8080, http threads: 11",
    "main: loading model",
    srv("load_model", "loading model '/models/b.gguf'"),
    srv("init", "initializing slots, n_slots = 2"),
    slot("init", "new slot n_ctx_slot = 4096", task=-1),
    "main: model loaded",
    "main: server is listening on http://127.0.0.1:8080 - starting the main loop",
]


def test_a_build_of_today() -> None:
    assert facts(prefixed(TODAY, start=0.0)) == LogFacts(
        build=10587,
        at_least=9829,
        verbosity=4,
        slots=4,
        n_ctx_slot=8192,
        kv_unified=True,
        cache_mib=4096.0,
        checkpoints=32,
        unsupported=("--cache-reuse",),
        address="http://127.0.0.1:8080",
        model="/models/a.gguf",
        starts=1,
        stamp=0.011,
    )


def test_a_build_of_2025() -> None:
    assert facts(OLDER) == LogFacts(
        build=6500,
        slots=2,
        n_ctx_slot=4096,
        address="http://127.0.0.1:8080",
        model="/models/b.gguf",
        starts=1,
    )


def test_nothing_is_known_of_a_log_without_a_start() -> None:
    known = facts(ERAS["b7000"])
    assert (known.build, known.slots, known.tasks, known.starts) == (None, None, 1, 0)
    assert known.at_least == 6723
    assert collect([]).facts == NOTHING


def test_the_limit_of_the_host_cache() -> None:
    assert facts([srv("load_model", "prompt cache is enabled, size limit: no limit")]).cache_mib == NO_LIMIT
    off = srv("load_model", "prompt cache is disabled - use `--cache-ram N` to enable it")
    assert facts([off]).cache_mib == 0.0
    state = " - cache state: 1 prompts, 67.134 MiB (limits: {}.000 MiB, 65536 tokens, 65536 est)"
    assert facts([srv("update", state.format(2048))]).cache_mib == 2048.0
    # Here a limit of 0 means that there is none.
    assert facts([srv("update", state.format(0))]).cache_mib == NO_LIMIT


def test_a_restart_forgets_and_counts() -> None:
    task = slot("launch_slot_", "processing task")
    for first, second in ((TODAY, OLDER), (OLDER, TODAY), (OLDER, OLDER)):
        known = facts([*first, task, *second])
        assert known == replace(facts(second), starts=2, tasks=1)


def test_sleep_keeps_what_the_next_load_does_not_say() -> None:
    sleep = [srv("handle_sleep", "server is entering sleeping state")]
    asleep = facts([*TODAY, slot("launch_slot_", "processing task"), *sleep])
    assert asleep.asleep
    wake = [srv("handle_sleep", "server is exiting sleeping state"), *TODAY[4:6]]
    awake = facts([*TODAY, slot("launch_slot_", "processing task"), *sleep, *wake])
    assert not awake.asleep
    assert (awake.address, awake.verbosity, awake.starts) == ("http://127.0.0.1:8080", 4, 2)


def test_children_of_a_router_are_kept_apart() -> None:
    lines = [*(f"[57130] {line}" for line in TODAY), *(f"[57131] {line}" for line in OLDER[1:])]
    collector = collect(lines)
    assert collector.facts.port == 57131
    assert (collector.of(57130).slots, collector.of(57131).slots) == (4, 2)
    assert collector.of(None) == NOTHING


@given(st.lists(st.sampled_from([*all_lines(), *TODAY, *OLDER]), max_size=40))
def test_any_order_of_lines_is_taken(lines: list[str]) -> None:
    known = facts(lines)
    assert known.tasks == sum("processing" in line and "task" in line for line in lines if _starts(line))
    assert known.starts >= 0


def _starts(line: str) -> bool:
    event = parse(line)
    return event is not None and type(event).__name__ == "TaskStarted"


def test_a_real_server(llama_factory: LlamaFactory) -> None:
    server = llama_factory(parallel=2, ctx=8192, verbosity=4, cache_ram=64)
    known = facts(server.log_path.read_text(encoding="utf-8").splitlines())
    assert (known.verbosity, known.slots, known.n_ctx_slot, known.kv_unified) == (4, 2, 4096, False)
    assert (known.cache_mib, known.starts, known.address) == (64.0, 1, server.url)
    assert known.model is not None
    assert known.model.endswith("tiny.gguf")
    assert known.checkpoints == 32
