from __future__ import annotations

from typing import Any

import pytest

from proxy_core.llama import events as ev
from proxy_core.llama.grammar import parse
from tests.llama.corpus import slot, srv, structured


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (srv("init", "initializing ..."), {"what": "starting"}),
        (
            srv("load_model", "loading model '/models/a b.gguf'"),
            {"what": "loading", "text": "/models/a b.gguf"},
        ),
        (srv("init", "loading model"), {"what": "loading"}),
        (srv("init", "initializing slots, n_slots = 4"), {"what": "slots", "n_slots": 4}),
        (
            srv("load_model", "initializing, n_slots = 2, n_ctx_slot = 32768, kv_unified = 'false'"),
            {"what": "slots", "n_slots": 2, "n_ctx_slot": 32768},
        ),
        (
            slot("init", "new slot n_ctx_slot = 4096", task=-1),
            {"what": "slot", "n_ctx_slot": 4096, "slot": 0},
        ),
        (slot("load_model", "new slot, n_ctx = 4096", task=-1), {"what": "slot", "n_ctx_slot": 4096}),
        (srv("init", "model loaded"), {"what": "loaded"}),
        ("main: model loaded", {"what": "loaded"}),
        (
            srv("init", "listening on http://127.0.0.1:8080"),
            {"what": "listening", "text": "http://127.0.0.1:8080"},
        ),
        (
            "main: server is listening on http://0.0.0.0:8080 - starting the main loop",
            {"what": "listening", "text": "http://0.0.0.0:8080"},
        ),
        (
            "[57130] main: server is listening on http://127.0.0.1:57130",
            {"what": "listening", "port": 57130, "text": "http://127.0.0.1:57130"},
        ),
        (
            "0.00.001.398 I cmn  common_param: common_params_print_info: "
            "verbosity = 4 (adjust with the `-lv N` CLI arg)",
            {"what": "verbosity", "verbosity": 4},
        ),
        (srv("handle_sleep", "server is entering sleeping state"), {"what": "sleeping"}),
        (srv("handle_sleep", "server is exiting sleeping state"), {"what": "waking"}),
        ("0.03.646.435 I que    start_loop: exiting sleeping state", {"what": "waking", "stamp": 3.646435}),
        (
            srv("load_model", "initializing, n_slots = 4, n_ctx_slot = 8192, kv_unified = 'true'"),
            {"what": "slots", "kv_unified": True},
        ),
        (
            srv("load_model", "context checkpoints enabled, max = 32, min spacing = 8192"),
            {"what": "checkpoints", "n_checkpoints": 32},
        ),
        (
            srv("init", "cache_reuse is not supported by multimodal, it will be disabled"),
            {"what": "unsupported", "text": "--cache-reuse"},
        ),
        (
            slot("update_slots", "cache reuse is not supported - ignoring n_cache_reuse = 256"),
            {"what": "unsupported", "text": "--cache-reuse"},
        ),
        (
            srv("init", "swa_full is not supported by this model, it will be disabled"),
            {"what": "unsupported", "text": "--swa-full"},
        ),
        (
            srv("init", "ctx_shift is not supported by multimodal, it will be disabled"),
            {"what": "unsupported", "text": "--context-shift"},
        ),
        (srv("init", "build_info: b10587-1a2b3c4"), {"what": "build", "text": "b10587-1a2b3c4"}),
        ("0.00.000.123 I build_info: b8700-1a2b3c4", {"what": "build", "text": "b8700-1a2b3c4"}),
        ("build: 6500 (1a2b3c4d) with cc for x86_64-linux-gnu", {"what": "build", "text": "6500"}),
        (
            "Mar 13 13:59:39 box llama.sh[15]: build: 6500 (1a2b3c4d) with cc",
            {"what": "build", "text": "6500"},
        ),
        (
            structured("INFO", "main", "build info", 'build=3000 commit="1a2b3c4d"'),
            {"what": "build", "text": "3000"},
        ),
        (srv("operator()", "operator(): cleaning up before exit..."), {"what": "stopping"}),
        (structured("INFO", "init", "initializing slots", "n_slots=1"), {"what": "slots", "n_slots": 1}),
        (
            structured("INFO", "init", "new slot", "id_slot=0 n_ctx_slot=512"),
            {"what": "slot", "n_ctx_slot": 512, "slot": 0},
        ),
        (structured("INFO", "main", "HTTP server listening", 'port="8080"'), {"what": "listening"}),
        (
            '{"timestamp":1704790062,"level":"INFO","function":"main","line":3223,"message":"model loaded"}',
            {"what": "loaded"},
        ),
    ],
)
def test_life_of_the_server(line: str, fields: dict[str, Any]) -> None:
    event = parse(line)
    assert isinstance(event, ev.ServerState)
    assert {name: getattr(event, name) for name in fields} == fields


def test_all_idle() -> None:
    assert isinstance(parse(srv("update_slots", "all slots are idle")), ev.AllIdle)
    assert isinstance(parse(structured("INFO", "update_slots", "all slots are idle", "")), ev.AllIdle)
