from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from console.demo.server import MODEL, server_command
from tests.real_llama import LlamaFactory, LlamaServer

_SOON = 20.0
_ENDLESS = {
    "messages": [{"role": "user", "content": "Tell me everything."}],
    "stream": True,
    "max_tokens": -1,
    "ignore_eos": True,
}
_PARENT = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
print(child.stdout.readline().strip(), flush=True)
time.sleep(600)
"""


def _wait_until_gone(url: str) -> bool:
    deadline = time.monotonic() + _SOON
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/health", timeout=2.0, trust_env=False)
        except httpx.ConnectError:
            return True
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    return False


def test_a_server_tells_its_address_and_logs_on_standard_error(llama: LlamaServer) -> None:
    assert httpx.get(f"{llama.url}/props").json()["model_path"] == str(MODEL)
    log = llama.log_path.read_text()
    assert f"listening on {llama.url}" in log
    assert "model loaded" in log


def test_slots_and_metrics_are_open(llama: LlamaServer) -> None:
    assert len(httpx.get(f"{llama.url}/slots").json()) == 1
    assert "llamacpp:prompt_tokens_total" in httpx.get(f"{llama.url}/metrics").text


def test_options_reach_the_server(llama_factory: LlamaFactory) -> None:
    server = llama_factory(parallel=2, ctx=4096, verbosity=4, cache_ram=0)
    assert [slot["n_ctx"] for slot in httpx.get(f"{server.url}/slots").json()] == [2048, 2048]
    log = server.log_path.read_text()
    assert "verbosity = 4" in log
    assert "prompt cache is disabled" in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_in_the_middle_of_a_stream(
    llama_factory: LlamaFactory, number: signal.Signals
) -> None:
    server = llama_factory()
    with httpx.stream("POST", f"{server.url}/v1/chat/completions", json=_ENDLESS, timeout=_SOON) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.process.send_signal(number)
        # Left to itself, llama.cpp would finish the stream first and stop after 30 seconds.
        assert server.process.wait(_SOON) == 0


def test_it_ends_when_its_parent_is_killed() -> None:
    command = [sys.executable, "-c", _PARENT, *server_command()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert httpx.get(f"{url}/health").status_code == httpx.codes.OK
        parent.kill()
    assert _wait_until_gone(url)


def test_without_the_extra_it_says_what_to_install() -> None:
    hide = "import sys; sys.modules['xllamacpp'] = None; "
    start = "from console.demo import server; sys.exit(server.main([]))"
    ran = subprocess.run([sys.executable, "-c", hide + start], capture_output=True, text=True, timeout=_SOON)
    assert ran.returncode == 2
    assert "pip install 'kvconsole[demo]'" in ran.stderr
    assert ran.stdout == ""


def test_a_server_that_cannot_start_says_so(llama: LlamaServer, tmp_path: Path) -> None:
    taken = server_command(httpx.URL(llama.url).port or 0)
    for command in (taken, server_command(model=tmp_path / "none.gguf")):
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_SOON)
        assert ran.returncode == 1
        assert "did not start" in ran.stderr
        assert "Traceback" not in ran.stderr


def test_a_port_beyond_the_last_is_refused() -> None:
    ran = subprocess.run(server_command(80000), capture_output=True, text=True, timeout=_SOON)
    assert ran.returncode == 2
    assert "80000 is not a port" in ran.stderr
