"""Bytes of a log to lines, whatever the pieces they arrive in."""

from __future__ import annotations

LINE_CAP = 10_000
"""Characters of a line that are kept; debug builds print whole request bodies in one line."""

# No character takes more bytes in UTF-8, so a partial line of this many bytes holds all that will be kept.
_PARTIAL_CAP = LINE_CAP * 4


class LineSplitter:
    """Keeps the partial last line until its end arrives. Bounded: what exceeds `LINE_CAP` is dropped."""

    def __init__(self) -> None:
        self._partial = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes, without their ends; undecodable bytes become U+FFFD."""
        # A file truncated under a writer that keeps its offset begins with a hole, which reads as zeros.
        data = self._partial + data.replace(b"\0", b"")
        end = data.rfind(b"\n")
        self._partial = data[end + 1 :][:_PARTIAL_CAP]
        if end < 0:
            return []
        return [_line(part) for part in data[:end].decode("utf-8", "replace").split("\n")]

    def flush(self) -> list[str]:
        """The partial line as a line, when no more will come of it."""
        rest, self._partial = self._partial, b""
        return [_line(rest.decode("utf-8", "replace"))] if rest else []

    def reset(self) -> None:
        """Forget the partial line."""
        self._partial = b""


def _line(text: str) -> str:
    return text[:LINE_CAP].removesuffix("\r")
