"""Standard streams: terminals, pipes, and none at all."""

from __future__ import annotations

import io
import sys

import pytest

from console.streams import output_width, watched


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_width_and_a_pipe_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "93")
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert output_width() == 93
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert output_width() is None


def test_nobody_watches_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert watched()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not watched()


def test_what_is_closed_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert output_width() is None
    assert not watched()
