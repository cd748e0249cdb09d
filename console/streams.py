"""Whether a person reads what a verb prints, and in how many columns."""

from __future__ import annotations

import shutil
import sys
from typing import TextIO


def output_width() -> int | None:
    """Columns of the terminal that standard output is; None where it is none, and no line is cut."""
    return shutil.get_terminal_size().columns if _is_terminal(sys.stdout) else None


def watched() -> bool:
    """Whether standard error is a terminal, on which a progress bar can move."""
    return _is_terminal(sys.stderr)


def _is_terminal(stream: TextIO | None) -> bool:
    # Python has none where the descriptor is closed.
    return stream is not None and stream.isatty()
