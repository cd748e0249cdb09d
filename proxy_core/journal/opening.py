"""Opening the journal to read it, with errors for people, and putting a broken one out of the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proxy_core.config_text import visible
from proxy_core.errors import JournalError
from proxy_core.journal.file import DEFAULT, JournalFile, Limits
from proxy_core.sqlite_file import BrokenFileError


@contextmanager
def open_journal(path: Path, limits: Limits = DEFAULT) -> Iterator[JournalFile]:
    """The journal at `path`; one that does not exist reads as an empty one.

    Raises:
        JournalError: Whatever is done with it inside the block fails.
    """
    file = JournalFile(path, limits)
    try:
        yield file
    except BrokenFileError as error:
        raise JournalError(
            f"{visible(str(path))} could not be understood: {error}. It was left as it is. A kvconsole that "
            "writes to it keeps such a file under another name, and begins a new journal."
        ) from error
    except sqlite3.Error as error:
        raise JournalError(f"{visible(str(path))} cannot be used: {error}.") from error
    except OSError as error:
        # Only those of the file: what else is done in the block has errors of its own.
        if error.filename is None or path.parent not in (named := Path(error.filename), named.parent):
            raise
        raise JournalError(f"{visible(str(path))} cannot be used: {error.strerror}.") from error
    finally:
        file.close()


def put_aside(file: JournalFile, error: BrokenFileError) -> str | None:
    """Keep a broken journal under another name; gives what to tell the person, None where another did it.

    Raises:
        OSError: It cannot be renamed.
    """
    kept = file.set_aside()
    if kept is None:
        return None
    return (
        f"{visible(str(file.path))} could not be understood ({error}). It is kept as "
        f"{visible(kept.name)}; a new journal begins."
    )
