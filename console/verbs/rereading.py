"""Captured requests that are read more than once, without being in memory in between."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from proxy_core.captures import Captured, jsonl
from proxy_core.captures.captured import Place

Read = Callable[[], Iterator[Captured]]
"""Reads requests from their beginning."""


@contextmanager
def rereading(sources: Sequence[str], read: Read) -> Iterator[tuple[Read, Read]]:
    """Two ways to read: for the first time, to the end, and then any number of times more.

    What cannot be read twice, such as a pipe, is kept in a file without a name meanwhile, which nobody else
    can open.

    Args:
        sources: What the person named; none for the journal.
        read: Reads all requests.
    """
    if all(Path(name).is_file() for name in sources if name != "-") and "-" not in sources:
        yield read, read
        return
    with tempfile.TemporaryFile() as kept:

        def first() -> Iterator[Captured]:
            for one in read():
                kept.write(jsonl.line(one))
                yield one

        def more() -> Iterator[Captured]:
            kept.seek(0)
            for number, line in enumerate(kept, 1):
                yield jsonl.captured(line, Place("-", None, number))

        yield first, more
