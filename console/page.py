"""The report of one request as a page in the current directory, with its secrets masked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from console.verbs.choosing import is_kept
from console.verbs.predecessors import paired
from console.verbs.redaction import masked, note
from proxy_core.captures import html_page
from proxy_core.captures.bundle import bundle
from proxy_core.captures.redact import Redactor
from proxy_core.errors import KvconsoleError
from proxy_core.visible import visible


def write_page(name: str, folder: Path) -> tuple[Path, str]:
    """Write `kvconsole-NAME.html`, or `-2` and so on behind the name where that is there already.

    Args:
        name: What the journal calls the request.
        folder: Where to write.

    Returns:
        The file, readable by its owner alone, and a sentence on what was masked in it.

    Raises:
        KvconsoleError: The journal has no such request, or the page cannot be written.
    """
    if not is_kept(name):
        raise KvconsoleError(f"{visible(name)} is no id of the journal.", title="Export")
    redactor = Redactor("secrets")
    (pair,) = masked([paired(name)], redactor)
    told = note(redactor) or ""
    page = html_page.write([bundle(pair.current, pair.previous)], told)
    try:
        return _write(folder, f"kvconsole-{name}", page), told
    except OSError as error:
        where = visible(str(folder))
        raise KvconsoleError(
            f"No page can be written into {where}: {error.strerror or error}. Start kvconsole where it can, "
            f"or name another place: kvconsole export {name} --redact -o /tmp/report.html",
            title="Export",
        ) from error


def _write(folder: Path, stem: str, pieces: Iterable[str]) -> Path:
    """Write a new file; none is left behind when that fails."""
    path, handle = _created(folder, stem)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.writelines(pieces)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _created(folder: Path, stem: str) -> tuple[Path, int]:
    """A file that was not there before, and its descriptor."""
    number, path = 1, folder / f"{stem}.html"
    while True:
        try:
            return path, os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            number += 1
            path = folder / f"{stem}-{number}.html"
