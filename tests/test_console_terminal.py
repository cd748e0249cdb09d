"""The console in a real (pseudo) terminal: whatever ends it, the terminal is left as it was."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.console_process import BOUND, cut, endless_stream, gone, slot_is_free
from tests.pseudo_terminal import Terminal, in_terminal
from tests.real_llama import LlamaFactory
from tests.running import free_port

_SWITCHED_ON = ("\x1b[?1049h", "\x1b[?1000h", "\x1b[?1003h", "\x1b[?2004h", "\x1b[?25l")
_SWITCHED_OFF = ("\x1b[?1049l", "\x1b[?1000l", "\x1b[?1003l", "\x1b[?2004l", "\x1b[?25h")
"""Alternate screen, mouse clicks and moves, bracketed paste, and the cursor, each as it was."""


def _listen() -> tuple[str, str]:
    address = f"127.0.0.1:{free_port()}"
    return address, f"http://{address}"


def _left_as_it_was(terminal: Terminal) -> bool:
    for on, off in zip(_SWITCHED_ON, _SWITCHED_OFF, strict=True):
        if not terminal.raw.rfind(off) > terminal.raw.rfind(on) >= 0:
            return False
    return terminal.attributes == terminal.before


def _nothing_strange(terminal: Terminal) -> bool:
    """Whether nothing was written after the screen was left."""
    after = terminal.raw.rpartition("\x1b[?1049l")[2]
    return not any(word in after for word in ("Traceback", "Error", "Cancel"))


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGHUP, 128 + signal.SIGHUP),
        ("\x03", 0),
        ("q", 0),
    ],
    ids=["SIGTERM", "SIGHUP", "ctrl+c", "q"],
)
def test_it_ends_with_an_open_stream_and_leaves_the_terminal_as_it_was(
    llama_factory: LlamaFactory, end: signal.Signals | str, code: int
) -> None:
    server = llama_factory()
    listen, url = _listen()
    with in_terminal("--upstream", server.url, "--listen", listen) as terminal:
        terminal.wait_for(f"ANTHROPIC_BASE_URL={url}")
        terminal.wait_for("Clocks in system prompts")
        assert terminal.attributes != terminal.before
        with endless_stream(url) as chunks:
            if isinstance(end, str):
                terminal.press(end)
            else:
                terminal.process.send_signal(end)
            assert terminal.wait_ended() == code
            assert cut(chunks)
        assert _left_as_it_was(terminal)
        assert _nothing_strange(terminal)
    assert slot_is_free(server.url)


def test_a_log_comes_in_by_a_pipe_while_the_keyboard_works() -> None:
    listen, url = _listen()
    reading, writing = os.pipe()
    try:
        with in_terminal("--listen", listen, "--log", "-", stdin=reading) as terminal:
            os.close(reading)
            terminal.wait_for(f"ANTHROPIC_BASE_URL={url}")
            os.write(writing, b"srv  log_server_r: a first line\n")
            terminal.wait_for("a first line")
            os.write(writing, b"srv  log_server_r: a second \x1b]0;title\x07line\n")
            terminal.wait_for("a second ␛]0;title␇line")
            terminal.press("?")
            terminal.wait_for("Stop the proxy and leave.")
            terminal.press("\x03")
            assert terminal.wait_ended() == 0
            assert _left_as_it_was(terminal)
            assert "\x1b]0;title" not in terminal.raw
    finally:
        os.close(writing)


def test_the_end_of_the_pipe_is_told_and_the_console_stays() -> None:
    listen, url = _listen()
    reading, writing = os.pipe()
    with in_terminal("--listen", listen, "--log", "-", stdin=reading) as terminal:
        os.close(reading)
        terminal.wait_for(f"ANTHROPIC_BASE_URL={url}")
        os.close(writing)
        terminal.wait_for("standard input has ended")
        assert terminal.process.poll() is None
        terminal.press("q")
        assert terminal.wait_ended() == 0


@pytest.mark.parametrize("end", ["q", "closed window"])
def test_the_child_ends_with_the_console(tmp_path: Path, end: str) -> None:
    pid_file = tmp_path / "pid"
    listen, _ = _listen()
    # It speaks all the time, so that there is always something to be drawn.
    script = f'echo $$ > "{pid_file}"; while :; do echo the child speaks; sleep 0.02; done'
    with in_terminal("--listen", listen, "run", "--", "sh", "-c", script) as terminal:
        terminal.wait_for("the child speaks")
        pid = int(pid_file.read_text())
        if end == "q":
            terminal.press("q")
            assert terminal.wait_ended() == 0
            assert _left_as_it_was(terminal)
        else:
            terminal.hang_up()
            terminal.process.wait(BOUND)
        assert gone(pid)


def test_an_unknown_theme_is_named_before_anything_is_drawn(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    themes = isolated_home / "config" / "themes"
    themes.mkdir(parents=True)
    (themes / "purple.toml").write_text("[[[\n")
    monkeypatch.setenv("KVCONSOLE_THEME", "purple")
    listen, _ = _listen()
    with in_terminal("--listen", listen) as terminal:
        assert terminal.wait_ended() == 2
        assert "There is no theme 'purple'. Known: kvconsole-dark, kvconsole-light." in terminal.text
        # The broken file is why.
        assert "purple.toml: this is not valid TOML" in terminal.text
        assert "\x1b[?1049h" not in terminal.raw
        assert terminal.attributes == terminal.before
