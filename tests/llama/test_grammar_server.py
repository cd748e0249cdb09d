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
