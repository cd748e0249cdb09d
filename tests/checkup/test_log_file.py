"""Logs on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxy_core.checkup.log_file import read_log
from proxy_core.llama import tail
from tests.real_llama import LlamaFactory

START = """\
0.00.000.410 I srv          init: initializing ...
0.00.002.578 I cmn  common_param: common_params_print_info: verbosity = 4 (adjust with the `-lv N` CLI arg)
0.00.004.797 I srv    load_model: loading model '/models/a.gguf'
0.00.033.778 I srv    load_model: initializing, n_slots = 2, n_ctx_slot = 32768, kv_unified = 'false'
0.00.038.415 I srv          init: listening on http://127.0.0.1:8080
"""
_SLOT = "0.01.000.000 I slot   operator(): id  0 | task 1 | "
_EACH = "(    2.00 ms per token,   500.00 tokens per second)"
TURN = (
    "0.01.000.000 I slot get_availabl: id  0 | task -1 | selected slot by LCP similarity, "
    "f_sim_best = 0.500 (> 0.100 thold), f_keep = 0.900\n"
    f"{_SLOT}processing task, is_child = 0\n"
    f"{_SLOT}prompt eval time =     100.00 ms /    50 tokens {_EACH}\n"
    f"{_SLOT}       eval time =      10.00 ms /     5 tokens {_EACH}\n"
    f"{_SLOT}      total time =     110.00 ms /    55 tokens\n"
    f"{_SLOT}stop processing: n_tokens = 104, truncated = 0\n"
)
_FULL = " - cache size limit reached, removing oldest entry (size = 5.000 MiB)"
EVICTED = f"0.02.000.000 W srv        update: {_FULL}\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "server.log"
    path.write_text(text)
    return path


def test_facts_turns_and_evictions(tmp_path: Path) -> None:
    seen = read_log(str(written(tmp_path, START + TURN + EVICTED + TURN)))
    assert (seen.facts.verbosity, seen.facts.slots, seen.facts.address) == (4, 2, "http://127.0.0.1:8080")
    assert [turn.prompt_tokens for turn in seen.turns] == [100, 100]
    assert (seen.evictions, seen.lines, seen.exists, seen.problem) == (1, 18, True, None)
    assert seen.events > 10


def test_only_the_newest_start_counts(tmp_path: Path) -> None:
    seen = read_log(str(written(tmp_path, START + TURN + EVICTED + START + TURN)))
    assert (len(seen.turns), seen.evictions) == (1, 0)


def test_the_beginning_of_a_long_log_is_read_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy_core.checkup.log_file.BACKLOG_CAP", 4096)
    monkeypatch.setattr(tail, "BACKLOG_CAP", 4096)
    seen = read_log(str(written(tmp_path, START + "noise\n" * 100_000 + TURN)))
    assert seen.facts.slots == 2
    assert len(seen.turns) == 1
    assert seen.lines < 50_000


def test_a_start_that_is_not_seen(tmp_path: Path) -> None:
    earlier = START + TURN.replace("0.01.000.000", "9.00.000.000")
    seen = read_log(str(written(tmp_path, earlier + TURN)))
    assert len(seen.turns) == 1
    assert seen.facts.slots is None


def test_a_routers_address_is_its_own(tmp_path: Path) -> None:
    child = "".join(f"[57130] {line}\n" for line in START.replace("8080", "57130").splitlines())
    router = "0.00.000.100 I srv          init: listening on http://127.0.0.1:8080\n"
    assert read_log(str(written(tmp_path, router + child))).facts.address == "http://127.0.0.1:8080"


def test_a_log_of_another_program(tmp_path: Path) -> None:
    seen = read_log(str(written(tmp_path, "GET / 200\n" * 60)))
    assert (seen.lines, seen.events, seen.turns) == (60, 0, ())


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert not read_log(str(tmp_path / "none.log")).exists
    assert "regular file" in (read_log(str(tmp_path)).problem or "")
    os.mkfifo(tmp_path / "pipe")
    assert "regular file" in (read_log(str(tmp_path / "pipe")).problem or "")
    (tmp_path / "file").touch()
    assert read_log(str(tmp_path / "file" / "x.log")).problem is not None


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_bytes(os.urandom(100_000) + b"\n" + TURN.encode())
    assert len(read_log(str(path)).turns) == 1


def test_a_real_one(llama_factory: LlamaFactory) -> None:
    server = llama_factory(parallel=2, verbosity=4, cache_ram=0)
    seen = read_log(str(server.log_path))
    assert (seen.facts.slots, seen.facts.verbosity, seen.facts.cache_mib) == (2, 4, 0.0)
    assert seen.facts.address == server.url
