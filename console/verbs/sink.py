"""Where a verb writes what is meant for a file: standard output, or a file that only its owner can read."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from proxy_core.errors import KvconsoleError
from proxy_core.paths import written_private
from proxy_core.visible import visible

STDOUT = "-"


class OutputError(KvconsoleError):
    """Nothing can be written there."""

    title = "Output"


def same_file(one: Path, source: str) -> bool:
    """Whether a file is what a person named as a source; `-` is standard input, and no file."""
    try:
        return source != STDOUT and one.samefile(source)
    except (OSError, ValueError):
        return False


class Sink(NamedTuple):
    """A place to write to."""

    path: str
    """A file, or `-` for standard output."""
    force: bool = False
    """Whether a file that is there may be replaced."""

    @property
    def is_terminal(self) -> bool:
        """Whether a person would see what is written."""
        return self.path == STDOUT and sys.stdout is not None and sys.stdout.isatty()

    def need(self, sources: Iterable[str] = ()) -> None:
        """Find out before any work is done whether this can be written.

        Args:
            sources: Files that are read, and that it must not take the place of.

        Raises:
            OutputError: It cannot, or must not.
        """
        if self.path == STDOUT:
            return
        path, name = Path(self.path), visible(self.path)
        try:
            if not self._flows and any(same_file(path, source) for source in sources):
                raise OutputError(
                    f"{name} is one of the sources, and the output would take its place. Name another file."
                )
            if path.is_dir():
                raise OutputError(f"{name} is a directory; name a file in it.")
            if not path.parent.is_dir():
                raise OutputError(f"{name} cannot be written: {visible(str(path.parent))} is no directory.")
            if path.exists() and not self._flows and not self.force:
                raise OutputError(f"{name} is there already; --force replaces it.")
        except (OSError, ValueError) as error:
            raise OutputError(f"{name} cannot be written: {error}.") from error

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """To be written to; a file appears, or is replaced, when all went well.

        Raises:
            OutputError: It cannot be opened.
            OSError: It cannot be written to its end.
        """
        if self.path == STDOUT:
            if sys.stdout is None:
                raise OutputError("Standard output is closed; -o FILE writes to a file.")
            yield sys.stdout.buffer
            return
        with ExitStack() as stack:
            try:
                path = Path(self.path)
                if self._flows:
                    file: BinaryIO = stack.enter_context(path.open("wb"))
                else:
                    # A link stays, and what it names is replaced.
                    file = stack.enter_context(written_private(path.resolve()))
            except OSError as error:
                name = visible(self.path)
                raise OutputError(f"{name} cannot be written: {error.strerror or error}.") from error
            yield file

    @property
    def _flows(self) -> bool:
        """Whether it is a device or a pipe, which is not replaced but written to."""
        try:
            return not stat.S_ISREG(Path(self.path).stat().st_mode)
        except FileNotFoundError:
            return False
