"""The process behind a port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from proxy_core.checkup.process import Process, last_value, listening_on
from tests.real_llama import LlamaServer
from tests.running import free_port

LISTENER = """
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.create_server((sys.argv[1], 0), family=family)
print(server.getsockname()[1], flush=True)
time.sleep(60)
"""

linux = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells")


@linux
def test_a_llama_server_and_its_log(llama: LlamaServer) -> None:
    process = listening_on(int(llama.url.rpartition(":")[2]))
    assert process is not None
    assert process.pid == llama.process.pid
    assert process.log == str(llama.log_path.resolve())
    assert process.log in process.files
    status = llama.log_path.stat()
    assert (status.st_dev, status.st_ino) in process.inodes


@linux
def test_this_process_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = listening_on(server.getsockname()[1])
    assert process is not None
    assert process.pid == os.getpid()


@linux
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_every_address_of_this_machine(host: str, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with log.open("wb") as errors:
        command = [sys.executable, "-c", LISTENER, host]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert child.stdout is not None
    try:
        line = child.stdout.readline()
        if not line:
            pytest.skip(f"this machine has no {host}")
        process = listening_on(int(line))
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert process is not None
    # Its output goes into a pipe, which somebody else might write to a file.
    assert (process.pid, process.log, process.pipes) == (child.pid, str(log.resolve()), True)
    assert not process.is_llama_server


def test_nobody_listens() -> None:
    assert listening_on(free_port()) is None


def test_a_system_without_proc(tmp_path: Path) -> None:
    assert listening_on(80, tmp_path) is None
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text("sl local\ngarbage\n 0: 0100007F:0050 0 0A 0 0 0 0 0 77\n")
    assert listening_on(80, tmp_path) is None


def test_flags() -> None:
    argv = ("/opt/llama-server", "-lv", "3", "--verbosity=4", "-np", "-cram")
    process = Process(7, "llama-server", argv)
    assert process.flag("-lv", "--verbosity") == "4"
    assert process.flag("-np") == "-cram"
    assert process.flag("-cram") is None
    assert process.flag("--log-file") is None


def test_flags_of_another_program_mean_something_else() -> None:
    assert Process(7, "python", ("python", "-lv", "3")).flag("-lv") is None
    assert Process(7, "?").flag("-lv") is None


def test_the_last_value_counts() -> None:
    assert last_value(["--a", "1", "--a=2", "--ab", "3"], ["--a"]) == "2"
