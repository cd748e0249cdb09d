from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from proxy_core.child import Child, upstream_of
from proxy_core.errors import ChildError


@pytest.mark.parametrize(
    ("argv", "environ", "url"),
    [
        (["llama-server"], {}, "http://127.0.0.1:8080"),
        (["llama-server", "--port", "9"], {}, "http://127.0.0.1:9"),
        (["llama-server", "--port=9", "--host=localhost"], {}, "http://localhost:9"),
        (["llama-server", "--port", "1", "--port", "2"], {}, "http://127.0.0.1:2"),
        (["llama-server", "--host", "0.0.0.0"], {}, "http://127.0.0.1:8080"),
        (["llama-server", "--host", "::"], {}, "http://[::1]:8080"),
        (["llama-server", "--host", "fe80::1", "--port", "7"], {}, "http://[fe80::1]:7"),
        (["llama-server", "--api-prefix", "/llm"], {}, "http://127.0.0.1:8080/llm"),
        (["llama-server", "--ssl-cert-file", "c.pem"], {}, "https://127.0.0.1:8080"),
        (["llama-server"], {"LLAMA_ARG_PORT": "5", "LLAMA_ARG_HOST": "10.0.0.2"}, "http://10.0.0.2:5"),
        (["llama-server", "--port", "6"], {"LLAMA_ARG_PORT": "5"}, "http://127.0.0.1:6"),
        (["llama-server", "--port"], {}, "http://127.0.0.1:8080"),
    ],
)
def test_where_the_server_will_listen(argv: list[str], environ: dict[str, str], url: str) -> None:
    assert upstream_of(argv, environ) == url


def python(code: str) -> Child:
    return Child([sys.executable, "-c", code])


def test_output_and_errors_are_one_stream() -> None:
    child = python("import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)")
    assert child.ended() is None
    with child.start() as output:
        assert output.read() == b"out\nerr\n"
    assert child.wait_ended(30) == f"{Path(sys.executable).name} ended with exit code 3"
    assert child.ended() == child.wait_ended(0)
    child.stop()


def test_stop_asks_first() -> None:
    child = python(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(0)))\n"
        "print('up', flush=True)\ntime.sleep(60)"
    )
    with child.start() as output:
        assert output.readline() == b"up\n"
        assert child.wait_ended(0.01) is None
        child.stop()
        assert output.read() == b"bye\n"
    assert (child.ended() or "").endswith("ended with exit code 0")
    child.stop()


def test_stop_insists() -> None:
    child = python(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up', flush=True)\ntime.sleep(60)"
    )
    with child.start() as output:
        assert output.readline() == b"up\n"
        child.stop()
    assert (child.ended() or "").endswith(f"was killed by signal {signal.SIGKILL:d}")


def test_the_child_is_out_of_reach_of_the_keyboard() -> None:
    child = python("import os, time; print(os.getsid(0), os.getpid(), flush=True); time.sleep(60)")
    with child.start() as output:
        session, pid = map(int, output.readline().split())
        assert session == pid != os.getsid(0)
        child.stop()


def test_what_cannot_be_started_says_why(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match=r"There is no program 'no-such-llama'\. Give its full path"):
        Child(["no-such-llama", "--port", "1"]).start()
    plain = tmp_path / "server"
    plain.write_text("no program")
    with pytest.raises(ChildError, match=r"cannot be started: Permission denied\."):
        Child([str(plain)]).start()
    Child(["never-started"]).stop()
