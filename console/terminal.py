"""The terminal that the console draws on, which may go away while it does."""

from __future__ import annotations

import contextlib
from typing import Any, TextIO

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


def survive_hangup(app: App[Any]) -> None:
    """Let `app` end in order when its terminal window is closed or the connection to it breaks.

    Textual's writing thread ends at the first write that fails; whoever writes after that waits for ever.
    """
    if app.driver_class is LinuxDriver:
        app.driver_class = _Driver


class _Driver(LinuxDriver):
    """Textual's driver on a terminal whose other side may be gone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self._file is not None:
            file: Any = _Lossy(self._file)
            self._file = file


class _Lossy:
    """A text file; what cannot be written to it any more is dropped."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write, if the terminal is still there."""
        with contextlib.suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        """Flush, if the terminal is still there."""
        with contextlib.suppress(OSError):
            self._file.flush()

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._file.fileno()
