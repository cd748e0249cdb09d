"""One turn of a server as the builds of each era log it, rendered from their printf formats.

The turn: slot 0 held 1,010 tokens, task 7 brings a prompt of 1,200, of which 1,000 are reused and 200
evaluated in 400 ms; 50 tokens are generated in 1,000 ms, so that the slot ends with 1,249.
"""

from __future__ import annotations

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
    """Lines as `--log-prefix --log-timestamps` shows them, a millisecond apart."""
    out = []
    for number, line in enumerate(lines):
        micros = round((start + number / 1000) * 1_000_000)
        minutes, rest = divmod(micros, 60_000_000)
        stamp = f"{minutes}.{rest // 1_000_000:02d}.{rest // 1000 % 1000:03d}.{rest % 1000:03d}"
        if colour:
            out.append(f"\x1b[0m\x1b[34m{stamp}\x1b[0m \x1b[32m{level} \x1b[0m{line}")
        else:
            out.append(f"{stamp} {level} {line}")
    return out


def _block(*, split: bool) -> list[str]:
    if split:
        return [slot("print_timings", text) for text in (PROMPT, EVAL, TOTAL)]
    return [slot("print_timings", ""), PROMPT, EVAL, TOTAL]


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


def _b2500() -> list[str]:
    ids = "id_slot=0 id_task=7"
    return [
        structured(
            "VERB",
            "get_available_slot",
            "selected slot by lcp similarity",
            "id_slot=0 max_lcp_len=4100 similarity=0.91",
        ),
        structured("INFO", "launch_slot_with_task", "slot is processing task", ids),
        structured("INFO", "update_slots", "kv cache rm [p0, end)", f"{ids} p0=1000"),
        structured("INFO", "print_timings", PROMPT.replace("time =", "time     ="), f"{ids} t_token=2.0"),
        structured("INFO", "print_timings", "generation " + EVAL.strip().replace("tokens", "runs  ", 1), ids),
        structured("INFO", "print_timings", "          total time =    1400.00 ms", ids),
        structured(
            "INFO",
            "update_slots",
            "slot released",
            f"{ids} n_ctx=8192 n_past=1249 n_system_tokens=0 n_cache_tokens=1249 truncated=false",
        ),
        structured("INFO", "update_slots", "all slots are idle", ""),
    ]


def _b3800() -> list[str]:
    return [
        slot(
            "get_available_slot",
            "selected slot by lcp similarity, max_lcp_len = 4100, similarity = 0.910000",
            task=3,
        ),
        slot("launch_slot_with_task", "processing task"),
        slot("update_slots", "prompt tokenized, n_ctx_slot = 8192, n_keep = 0, n_prompt_tokens = 1200"),
        slot("update_slots", "kv cache rm [1000, end)"),
        slot(
            "update_slots", "prompt processing progress, n_past = 1200, n_tokens = 200, progress = 1.000000"
        ),
        slot("update_slots", "prompt done, n_past = 1200, n_tokens = 200"),
        slot("release", "stop processing: n_past = 1249, truncated = 0"),
    ]


def _with_block(lines: list[str], *, split: bool) -> list[str]:
    return [*lines[:-1], *_block(split=split), lines[-1], srv("update_slots", "all slots are idle")]


def _b6500() -> list[str]:
    return [
        slot(
            "get_available_slot",
            "selected slot by lcs similarity, lcs_len = 1000, similarity = 0.990 (> 0.100 thold)",
            task=3,
        ),
        slot("launch_slot_", "processing task"),
        slot("update_slots", "new prompt, n_ctx_slot = 8192, n_keep = 0, n_prompt_tokens = 1200"),
        slot("update_slots", "n_past = 1000, memory_seq_rm [1000, end)"),
        slot("release", "stop processing: n_past = 1249, truncated = 0"),
    ]


def _b7000() -> list[str]:
    return [
        slot(
            "get_available_slot",
            "selected slot by LCP similarity, sim_best = 0.833 (> 0.100 thold), f_keep = 0.990",
            task=-1,
        ),
        slot("launch_slot_", "processing task"),
        slot("update_slots", "new prompt, n_ctx_slot = 8192, n_keep = 0, task.n_tokens = 1200"),
        slot("update_slots", "n_tokens = 1000, memory_seq_rm [1000, end)"),
        slot(
            "update_slots",
            "prompt processing progress, n_tokens = 1100, batch.n_tokens = 100, progress = 0.916667",
        ),
        slot("update_slots", "n_tokens = 1100, memory_seq_rm [1100, end)"),
        slot("update_slots", "prompt done, n_tokens = 1200, batch.n_tokens = 100"),
        slot("release", "stop processing: n_tokens = 1249, truncated = 0"),
    ]


def _b10500(*, trace: bool) -> list[str]:
    lines = [
        slot(
            "get_available_slot",
            "selected slot by LCP similarity, f_sim_best = 0.833 (> 0.100 thold), f_keep = 0.990",
            task=-1,
        ),
        slot("launch_slot_", "processing task, is_child = 0"),
        slot("release", "stop processing: n_tokens = 1249, truncated = 0"),
    ]
    if trace:
        lines.insert(0, slot("get_available_slot", " - checking sim = 0.833 (1000/1200) > 0.100", task=-1))
        lines[3:3] = [
            slot("  operator()", "new prompt, n_ctx_slot = 8192, n_keep = 0, task.n_tokens = 1200"),
            slot("  operator()", "cached n_tokens = 1000, memory_seq_rm [1000, end)"),
        ]
    return _with_block(lines, split=True)


ERAS: dict[str, list[str]] = {
    "2023": _2023(),
    "b2500": _b2500(),
    "b3800": _with_block(_b3800(), split=False),
    "b5400": _with_block(
        [
            line.replace("lcp similarity, max_lcp_len = 4100", "lcs similarity, lcs_len = 1000").replace(
                "prompt tokenized", "new prompt"
            )
            for line in _b3800()
        ],
        split=False,
    ),
    "b6500": _with_block(_b6500(), split=False),
    "b7000": _with_block(_b7000(), split=False),
    "b9200": prefixed(_with_block(_b10500(trace=False)[:2] + _b10500(trace=False)[-2:-1], split=False)),
    "b10500": prefixed(_b10500(trace=False)),
    "b10500 -lv 4": prefixed(_b10500(trace=True)),
}

WRAPPERS: dict[str, Callable[[str], str]] = {
    "bare": lambda line: line,
    "journald": lambda line: f"Mar 13 13:59:39 gpu-box llama-server.sh[150217]: {line}",
    "docker compose": lambda line: f"llama-server-1  | {line}",
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
    "llama_model_loader: - kv   0: general.architecture str = llama",
]
"""Lines outside the turn above."""


def all_lines() -> list[str]:
    """Every line of the corpus."""
    return [line for era in ERAS.values() for line in era] + OTHERS
