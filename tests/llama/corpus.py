"""One turn of a server as the builds of each era log it, rendered from their printf formats.

The turn: slot 0 held 1,010 tokens, task 7 brings a prompt of 1,200, of which 1,000 are reused and 200
evaluated in 400 ms; 50 tokens are generated in 1,000 ms, so that the slot ends with 1,249.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable


def timing(what: str, ms: float, tokens: int) -> str:
    """One line of the timing block."""
    rates = f"({ms / tokens:8.2f} ms per token, {tokens / ms * 1000:8.2f} tokens per second)"
    return f"{what:>16} = {ms:10.2f} ms / {tokens:5d} tokens {rates}"


PROMPT = timing("prompt eval time", 400.0, 200)
EVAL = timing("eval time", 1000.0, 50)
TOTAL = f"      total time = {1400.0:10.2f} ms / {250:5d} tokens"


def slot(function: str, text: str, *, slot_id: int = 0, task: int = 7) -> str:
    """A line of the `SLT_*` macros (b3761 and later)."""
    return f"slot {function[:12]:>12}: id {slot_id:2d} | task {task} | {text}"


def srv(function: str, text: str) -> str:
    """A line of the `SRV_*` macros (b3761 and later)."""
    return f"srv  {function[:12]:>12}: {text}"


def structured(level: str, function: str, message: str, pairs: str) -> str:
    """A line of the text format before b3761."""
    return f'{level:>4} [{function:>24}] {message} | tid="140101" timestamp=1718000000 {pairs}'


def prefixed(
    lines: Iterable[str], *, level: str = "I", colour: bool = False, start: float = 65.5
) -> list[str]:
    """Lines as `--log-prefix --log-timestamps` shows them, a millisecond apart.

    Of an entry with several lines only the first has a prefix.
    """
    out = []
    for number, line in enumerate(lines):
        if line in (PROMPT, EVAL, TOTAL):
            out.append(line)
            continue
        micros = round((start + number / 1000) * 1_000_000)
        minutes, rest = divmod(micros, 60_000_000)
        stamp = f"{minutes}.{rest // 1_000_000:02d}.{rest // 1000 % 1000:03d}.{rest % 1000:03d}"
        if colour:
            out.append(f"\x1b[0m\x1b[34m{stamp}\x1b[0m \x1b[32m{level} \x1b[0m{line}")
        else:
            out.append(f"{stamp} {level} {line}")
    return out


def jsoned(level: str, function: str, message: str, pairs: str) -> str:
    """The same line with `--log-format json`."""
    fields: dict[str, object] = {"tid": "140101", "timestamp": 1718000000, "level": level}
    fields |= {"function": function, "line": 1234, "msg": message}
    for key, value in (pair.split("=") for pair in pairs.split()):
        fields[key] = {"true": True, "false": False}.get(
            value, json.loads(value) if value[:1].isdigit() else value
        )
    return json.dumps(fields, separators=(",", ":"))


def selected(text: str, *, task: int = -1) -> str:
    """How slot 0 was chosen; builds before b6723 name the task that the slot had before."""
    return slot("get_available_slot", f"selected slot by {text}", task=task)


START = slot("launch_slot_with_task", "processing task")
"""Until b7689."""
START_CHILD = slot("launch_slot_with_task", "processing task, is_child = 0")
BLOCK = [slot("print_timings", ""), PROMPT, EVAL, TOTAL]
"""One entry with four lines, of which only the first has a prefix (until b9229)."""
SPLIT = [slot("print_timings", text) for text in (PROMPT, EVAL, TOTAL, "   graphs reused =         10")]
IDLE = srv("update_slots", "all slots are idle")
STOP_PAST = slot("release", "stop processing: n_past = 1249, truncated = 0")
STOP = slot("release", "stop processing: n_tokens = 1249, truncated = 0")


def _2023() -> list[str]:
    return [
        "slot 0 is processing [task id: 7]",
        "slot 0 : in cache: 1000 tokens | to process: 200 tokens",
        "slot 0 : kv cache rm - [1000, end)",
        "",
        f"print_timings: {PROMPT}",
        f"print_timings: {EVAL.replace('tokens', 'runs  ', 1)}",
        "print_timings:       total time =    1400.00 ms",
        "slot 0 released (1249 tokens in cache)",
    ]


def _structured(line: Callable[[str, str, str, str], str]) -> list[str]:
    ids = "id_slot=0 id_task=7"
    return [
        line(
            "VERB",
            "get_available_slot",
            "selected slot by lcp similarity",
            "id_slot=0 max_lcp_len=4100 similarity=0.91",
        ),
        line("INFO", "launch_slot_with_task", "slot is processing task", ids),
        line("INFO", "update_slots", "kv cache rm [p0, end)", f"{ids} p0=1000"),
        line("INFO", "print_timings", PROMPT.replace("time =", "time     ="), f"{ids} t_token=2.0"),
        line("INFO", "print_timings", "generation " + EVAL.strip().replace("tokens", "runs  ", 1), ids),
        line("INFO", "print_timings", "          total time =    1400.00 ms", ids),
        line(
            "INFO",
            "update_slots",
            "slot released",
            f"{ids} n_ctx=8192 n_past=1249 n_system_tokens=0 n_cache_tokens=1249 truncated=false",
        ),
        line("INFO", "update_slots", "all slots are idle", ""),
    ]


def _prompt_of_2024(first: str = "new prompt") -> list[str]:
    return [
        slot("update_slots", f"{first}, n_ctx_slot = 8192, n_keep = 0, n_prompt_tokens = 1200"),
        slot("update_slots", "kv cache rm [1000, end)"),
        slot(
            "update_slots", "prompt processing progress, n_past = 1200, n_tokens = 200, progress = 0.166667"
        ),
        slot("update_slots", "prompt done, n_past = 1200, n_tokens = 200"),
    ]


_RETURNS = [slot("print_timings", ""), *(f"\r{line}" for line in (PROMPT, EVAL, TOTAL))]
"""Until b4325."""


def _prompt_of_2025(counted: str, kept: str) -> list[str]:
    return [
        slot("update_slots", f"new prompt, n_ctx_slot = 8192, n_keep = 0, {counted} = 1200"),
        slot("update_slots", f"{kept} = 1000, memory_seq_rm [1000, end)"),
        slot(
            "update_slots",
            "prompt processing progress, n_tokens = 1100, batch.n_tokens = 100, progress = 0.916667",
        ),
        slot("update_slots", f"{kept} = 1100, memory_seq_rm [1100, end)"),
        slot("update_slots", "prompt done, n_tokens = 1200, batch.n_tokens = 100"),
    ]


def _host_cache(sim: str, tail: str) -> list[str]:
    """The host cache is looked into, and has nothing better."""
    return [
        srv("get_available_slot", "updating prompt cache"),
        srv("prompt_save", " - saving prompt with length 1010, total state size = 33.254 MiB"),
        srv("load", f" - looking for better prompt, base f_keep = 0.990, {sim} = 0.833"),
        srv("update", f" - cache state: 1 prompts, 33.254 MiB (limits: 8192.000 MiB, 8192 tokens{tail})"),
        srv("update", "   - prompt 0x7f3b741c1530:    1010 tokens, checkpoints:  0,    33.254 MiB"),
        srv("get_available_slot", "prompt cache update took 12.34 ms"),
    ]


_LCP = "LCP similarity, sim_best = 0.833 (> 0.100 thold), f_keep = 0.990"
_LCP_NOW = "LCP similarity, f_sim_best = 0.833 (> 0.100 thold), f_keep = 0.990"
_LCS = "lcs similarity, lcs_len = 1000, similarity = 0.910000"
_PROGRESS_NOW = slot(
    "print_timings",
    "prompt processing, n_tokens =    100, progress = 0.92, t =   3.10 s / 32.26 tokens per second",
)


def _traced() -> list[str]:
    """What `-lv 4` adds to a prompt since b9151; the first prefix is what was reused."""
    return [
        slot("  operator()", "new prompt, n_ctx_slot = 8192, n_keep = 0, task.n_tokens = 1200"),
        slot("  operator()", "cached n_tokens = 1000, memory_seq_rm [1000, end)"),
        slot("  operator()", "cached n_tokens = 1100, memory_seq_rm [1100, end)"),
    ]


def _ik_llama() -> list[str]:
    ids = "id_slot=0 id_task=7"
    return [
        "======== Prompt cache: cache size: 1010, n_keep: 0, n_discarded_prompt: 0, cache_ram_n_min: 0, "
        "f_keep: 0.99, cache_ram_similarity: 0.50",
        " - looking for better prompt, base f_keep = 0.990, sim = 0.833, n_keep = 0, n_discarded_prompt = 0",
        " - cache state: 1 prompts, 33.254 MiB (limits: 8192.000 MiB, 0 tokens, 248832 est)",
        "   - prompt 0x7f3b741c1530:    1010 tokens,       0 discarded, checkpoints:  0,    33.254 MiB",
        "prompt cache load took 0.35 ms",
        structured("INFO", "launch_slot_with_task", "slot is processing task", ids),
        "======== Cache: cache_size = 1010, n_past =  1000, n_past_prompt = 1000",
        structured("INFO", "batch_pending_prompt", "kv cache rm [p0, end)", f"{ids} p0=1000"),
        slot(
            "create_check",
            "created context checkpoint 5 of 256 (pos_min = 9, pos_max = 9, size = 62.905 MiB)",
        ),
        *BLOCK,
        structured(
            "INFO",
            "release_slots",
            "slot released",
            f"{ids} n_ctx=8192 n_past=1249 n_system_tokens=0 n_cache_tokens=1249 truncated=false",
        ),
        structured("INFO", "slots_idle", "all slots are idle", ""),
    ]


ERAS: dict[str, list[str]] = {
    "2023": _2023(),
    "b2500": _structured(structured),
    "b2500 json": _structured(jsoned),
    "b3800": [
        selected("lcp similarity, max_lcp_len = 4100, similarity = 0.910000", task=3),
        START,
        *_prompt_of_2024("prompt tokenized"),
        STOP_PAST,
        *_RETURNS,
        IDLE,
    ],
    "b4010": [
        selected("lcs similarity, max_lcs_len = 1000, similarity = 0.910000", task=3),
        START,
        *_prompt_of_2024(),
        STOP_PAST,
        *_RETURNS,
        IDLE,
    ],
    "b4500": [selected(_LCS, task=3), START, *_prompt_of_2024(), STOP_PAST, *BLOCK, IDLE],
    "b5600": [
        selected(_LCS, task=3),
        START,
        *_prompt_of_2024(),
        slot("update_slots", "n_past = 1000, cache_tokens.size() = 1010, seq_id = 0, pos_min = 0"),
        *BLOCK,
        STOP_PAST,
        IDLE,
    ],
    "b6500": [
        selected("lcs similarity, lcs_len = 1000, similarity = 0.990 (> 0.100 thold)", task=3),
        START,
        *_prompt_of_2024(),
        *BLOCK,
        STOP_PAST,
        IDLE,
    ],
    "b6740": [
        selected(_LCP),
        *_host_cache("sim", ""),
        START,
        *_prompt_of_2025("n_prompt_tokens", "n_past"),
        *BLOCK,
        STOP_PAST,
        IDLE,
    ],
    "b7000": [
        selected(_LCP),
        *_host_cache("sim", ", 248832 est"),
        START,
        *_prompt_of_2025("task.n_tokens", "n_tokens"),
        *BLOCK,
        STOP,
        IDLE,
    ],
    "b8500": [
        selected(_LCP),
        START_CHILD,
        *_prompt_of_2025("task.n_tokens", "n_tokens")[:-1],
        slot("update_slots", "prompt processing done, n_tokens = 1200, batch.n_tokens = 100"),
        *BLOCK,
        STOP,
        IDLE,
    ],
    "b9200": prefixed([selected(_LCP), START_CHILD, _PROGRESS_NOW, *BLOCK, STOP, IDLE]),
    "b9300": prefixed([selected(_LCP), START_CHILD, _PROGRESS_NOW, *SPLIT, STOP, IDLE]),
    "b9300 -lv 4": prefixed(
        [selected(_LCP), *_host_cache("sim", ", 248832 est"), START_CHILD, *_traced(), *SPLIT, STOP, IDLE]
    ),
    "b9900": prefixed([selected(_LCP), START_CHILD, *SPLIT, STOP]),
    "b10500": prefixed([selected(_LCP_NOW), START_CHILD, _PROGRESS_NOW, *SPLIT, STOP]),
    "b10500 -lv 4": prefixed(
        [
            slot("get_available_slot", " - checking sim = 0.833 (1000/1200) > 0.100", task=-1),
            selected(_LCP_NOW),
            *_host_cache("f_sim", ", 248832 est"),
            START_CHILD,
            *_traced(),
            *SPLIT,
            STOP,
            IDLE,
        ]
    ),
    "ik_llama.cpp": _ik_llama(),
    "ollama": [
        'time=2026-08-01T12:00:00.000Z level=INFO source=server.go:1 msg="runner started in 1.00 s"',
        selected(_LCP_NOW),
        START_CHILD,
        *_traced(),
        *SPLIT,
        STOP,
        '[GIN] 2026/08/01 - 12:00:02 | 200 |  1.4000001s |       127.0.0.1 | POST     "/api/chat"',
    ],
}

WRAPPERS: dict[str, Callable[[str], str]] = {
    "bare": lambda line: line,
    "journald": lambda line: f"Mar 13 13:59:39 gpu-box llama-server.sh[150217]: {line}",
    "docker compose": lambda line: f"llama-server-1  | {line}",
    "systemd, precise": lambda line: f"2026-03-13T13:59:39.809061-04:00 box llama-server[1686919]: {line}",
    "systemd, a name with a colon": lambda line: f"Jun 18 08:58:34  llama-Qwen:[1351]: {line}",
    "docker -t": lambda line: f"2026-03-13T13:59:39.123456789Z {line}",
    "kubernetes": lambda line: f"2026-03-13T13:59:39.123456789Z stderr F {line}",
    "carriage return": lambda line: f"{line}\r",
    "reset in front": lambda line: f"\x1b[0m{line}",
}

OTHERS: list[str] = [
    slot(
        "update_slots",
        "forcing full prompt re-processing due to lack of cache data (likely due to SWA, see x)",
    ),
    slot("update_slots", "failed to truncate tokens with position >= 13 - clearing the memory"),
    slot(
        "update_slots",
        "SWA checkpoint create, pos_min = 0, pos_max = 511, size = 20.001 MiB, total = 1/3 (20.001 MiB)",
    ),
    slot(
        "create_check",
        "created context checkpoint 1 of 32 (pos_min = 0, pos_max = 99, n_tokens = 100, size = 1.5 MiB)",
    ),
    slot(
        "update_slots",
        "restored context checkpoint (pos_min = 0, pos_max = 99, n_tokens = 100, size = 1.500 MiB)",
    ),
    slot(
        "update_slots",
        "erased invalidated context checkpoint (pos_min = 5, pos_max = 9, n_swa = 1, size = 1.500 MiB)",
    ),
    slot("update_slots", "slot context shift, n_keep = 4, n_left = 8187, n_discard = 4093"),
    slot(
        "update_slots",
        "n_past = 900, slot.prompt.tokens.size() = 1010, seq_id = 0, pos_min = 800, n_swa = 128",
    ),
    slot("update_slots", "n_past was set to 1199"),
    slot(
        "print_timing",
        "prompt processing, n_tokens =   2048, progress = 0.50, t =   3.10 s / 660.65 tokens per second",
    ),
    slot("prompt_clear", "clearing prompt with 1010 tokens"),
    slot("get_availabl", "selected slot by LRU, t_last = -1", task=-1),
    slot("get_availabl", "selected slot by id (2)", task=-1),
    srv("load", " - looking for better prompt, base f_keep = nan, sim = -nan(ind)"),
    srv("load", " - found better prompt with f_keep = 0.977, f_sim = 0.912"),
    srv(
        "update", " - cache state: 3 prompts, 20.182 MiB (limits: 8192.000 MiB, 65536 tokens, 195041328 est)"
    ),
    srv("update", " - cache size limit reached, removing oldest entry (size = 12.500 MiB)"),
    srv(
        "update", " - cache token limit (8192, est: 9000) reached, removing oldest entry (size = 12.500 MiB)"
    ),
    srv("alloc", " - making room for prompt cache entry, removing oldest entry (size = 12.500 MiB)"),
    srv("alloc", " - prompt state size 9000.000 MiB exceeds cache size limit 8192.000 MiB, skipping"),
    " - cache size limit reached, removing oldest entry (size = 12.500 MiB)",
    " - found better prompt with f_keep = 0.977, sim = 0.912, n_keep = 0, n_discarded_prompt = 0",
    srv("try_clear_id", "purging slot 2 with 900 tokens"),
    slot("clear_slot", "clearing slot with 900 tokens", task=-1),
    slot("launch_slot_", "clearing cache for lora change. 1 loras -> 0 loras", task=-1),
    slot("get_availabl", "failed to load prompt from cache", task=-1),
    srv("load_model", "prompt cache is enabled, size limit: 8192 MiB"),
    srv("load_model", "prompt cache is disabled - use `--cache-ram N` to enable it"),
    srv("load_model", "context checkpoints enabled, max = 32, min spacing = 8192"),
    srv("load_model", "cache_reuse is not supported by this context, it will be disabled"),
    srv("load_model", "swa_full is not supported by this model, it will be disabled"),
    slot("update_slots", "cache reuse is not supported - ignoring n_cache_reuse = 256"),
    srv("handle_sleep", "server is entering sleeping state"),
    srv("handle_sleep", "server is exiting sleeping state"),
    "0.02.101.619 I que    start_loop: entering sleeping state",
    srv("init", "build_info: b10587-1a2b3c4"),
    "build: 6500 (1a2b3c4d) with cc (Debian) 12.2.0 for x86_64-linux-gnu",
    "build_info: b8700-1a2b3c4d",
    structured("INFO", "main", "build info", 'build=3000 commit="1a2b3c4d"'),
    structured("WARN", "update_slots", "slot context shift", "id_slot=0 id_task=7 n_keep=0 n_discard=100"),
    srv("stop", "cancel task, id_task = 7"),
    srv(
        "send_error",
        "task id = 7, error: request (80001 tokens) exceeds the available context size (32768 tokens)",
    ),
    srv("load_model", "initializing, n_slots = 4, n_ctx_slot = 8192, kv_unified = 'true'"),
    srv("init", "listening on http://127.0.0.1:8080"),
    "[57130] 0.33.810.930 W slot update_slots: id  3 | task 12 | n_past was set to 6889",
    '{"tid":"1","timestamp":1718000000,"level":"INFO","function":"x","line":1,"msg":"slot released",'
    '"id_slot":0,"id_task":7,"n_past":1249,"truncated":true}',
]
"""Lines outside the turn above."""

SILENT: list[str] = [
    "",
    "llama_model_loader: - kv   0: general.architecture str = llama",
    "prompt cache load took 0.35 ms",
    "   - prompt 0x7f3b741c1530:    1010 tokens,       0 discarded, checkpoints:  0,    33.254 MiB",
    "Common part does not match fully",
    'time=2026-08-01T12:00:00.000Z level=INFO source=server.go:1 msg="runner started in 1.00 s"',
    '[GIN] 2026/08/01 - 12:00:02 | 200 |  1.4000001s |       127.0.0.1 | POST     "/api/chat"',
    "======== Prompt cache: cache size: 1010, n_keep: 0, n_discarded_prompt: 0, cache_ram_n_min: 0, "
    "f_keep: 0.99, cache_ram_similarity: 0.50",
    "Dec 02 12:10:29 box llama-server[24689]: [100B blob data]",
    "\trepeat_last_n = 64, repeat_penalty = 1.000, frequency_penalty = 0.000, presence_penalty = 0.000",
    "[57130] cmd_child_to_router:ready",
    slot("f", " - skipping, is_processing = 1"),
    slot("f", " - skipping, slot is empty"),
    slot("f", "sampler params: "),
    slot("f", "init sampler, took 0.18 ms, tokens: text = 1801, total = 1801"),
    slot("f", "   graphs reused =         10"),
    slot("f", "n_decoded =    136, tg =  11.90 t/s"),
    slot("f", "n_gen =    136, tg =  11.90 t/s, tg_3s =  11.80 t/s"),
    slot("f", "draft acceptance = 0.20000 (   21 accepted /   105 generated), mean len =  1.20"),
    slot("f", "    acc per pos = (0.900, 0.500)"),
    slot("f", "reusing chunk with size 256, shifting KV cache [700, 956) -> [600, 856)"),
    slot("f", "need to evaluate at least 1 token for each active slot (n_past = 12, task.n_tokens() = 12)"),
    slot("f", "input truncated, n_ctx = 512, n_keep = 0, n_left = 510, n_prompt_tokens = 900"),
    slot("f", "checking checkpoint with [1, 9] against 3..."),
    slot("f", "Checking checkpoint with [1, 9] against 3..."),
    slot("f", "old: ... the quick | brown fox"),
    slot("f", "saving idle slot to prompt cache", task=-1),
    slot("f", "prompt eval time ="),
    slot("f", "total time"),
    slot("f", "stop processing"),
    srv("f", "updating prompt cache"),
    srv("f", "prompt cache update took 0.25 ms"),
    srv("f", "   - prompt 0x7f93a4088450:     709 tokens, checkpoints:  0,     0.030 MiB"),
    srv("f", "   - prompt with length     709, lcp =       0, f_keep = 0.000, f_sim = 0.000"),
    srv("params_from_", "Chat format: peg-native"),
    srv("log_server_r", "done request: POST /v1/chat/completions 127.0.0.1 200"),
    srv("log_server_r", "request: POST /v1/chat/completions 127.0.0.1 200"),
    srv("operator()", "unauthorized: Invalid API Key"),
    "[/foo] markup",
]
"""Lines that the builds write and that say nothing here."""


def all_lines() -> list[str]:
    """Every line of the corpus that says something, and those between them."""
    return [line for era in ERAS.values() for line in era] + OTHERS
