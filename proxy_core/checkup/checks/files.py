"""Can kvconsole's files be used, and by nobody else?"""

from __future__ import annotations

from collections.abc import Iterator

from proxy_core.checkup.findings import Finding, Level
from proxy_core.checkup.setup import FileSeen, Setup
from proxy_core.checkup.words import listed, number
from proxy_core.visible import visible

_OTHERS = 0o077
_OTHERS_WRITE = 0o022
_LITTLE = 300 * 1024 * 1024
"""Bytes: what rules remember may take 128 MiB, and its WAL as much for a moment."""


def check_access(setup: Setup) -> Iterator[Finding]:
    """Whether they can be read and written, and who else can."""
    fine = True
    for file in setup.files:
        for finding in _wrong(file):
            fine = False
            yield finding
    if fine:
        there = [file.name for file in setup.files if file.mode is not None]
        saw = f"As they should be: {listed(there)}." if there else "There are none yet."
        yield Finding("files", "access", "ok", saw)


def check_state(setup: Setup) -> Iterator[Finding]:
    """Whether the file of toggles and counters can be understood."""
    if setup.state_problem is not None:
        saw = f"The file of toggles and counters: {visible(setup.state_problem)}."
        do = "kvconsole sets a broken one aside at its next start, and begins afresh: switch your rules anew."
        yield Finding("files", "state", "problem", saw, do)


def check_lanes(setup: Setup) -> Iterator[Finding]:
    """Whether the file of conversations can be read."""
    if setup.lanes_problem is not None:
        saw = f"What rules remember of conversations cannot be read: {visible(setup.lanes_problem)}."
        do = "kvconsole sets a broken file aside at its next start; each conversation is cold once then."
        yield Finding("files", "lanes", "problem", saw, do)


def check_journal(setup: Setup) -> Iterator[Finding]:
    """Whether requests can be kept, and were."""
    if setup.journal_problem is not None:
        saw = f"The journal cannot be read: {visible(setup.journal_problem)}."
        do = "kvconsole sets a broken file aside at its next start, and begins a new journal."
        yield Finding("files", "journal", "problem", saw, do)
    if setup.proxy is not None and setup.proxy.dropped:
        many = "1 request" if setup.proxy.dropped == 1 else f"{number(setup.proxy.dropped)} requests"
        saw = f"{many} could not be written to the journal in time, since kvconsole was started."
        yield Finding("files", "journal", "hint", saw, "See whether the disk is full, or very slow.")


def check_room(setup: Setup) -> Iterator[Finding]:
    """Whether there is room for what is remembered."""
    if setup.free_bytes is not None and setup.free_bytes < _LITTLE:
        saw = f"The disk of kvconsole's state has {number(setup.free_bytes / 1024**2)} MiB left."
        do = "Make room: without it, neither requests nor what rules remember outlive a restart."
        yield Finding("files", "room", "hint", saw, do)


def check_leftovers(setup: Setup) -> Iterator[Finding]:
    """Broken files that were kept."""
    if setup.leftovers:
        saw = (
            "Kept because they could not be understood: "
            f"{listed([visible(name) for name in setup.leftovers])}."
        )
        yield Finding("files", "leftovers", "hint", saw, "Delete them when you do not need them.")


def check_versions(setup: Setup) -> Iterator[Finding]:
    """What is installed."""
    packages = ", ".join(f"{name} {version}" for name, version in setup.packages.items())
    yield Finding("files", "versions", "ok", f"kvconsole {setup.version}; {packages}.")


def _wrong(file: FileSeen) -> Iterator[Finding]:
    path, name = visible(str(file.path)), file.name
    if file.problem is not None:
        do = f"See whose it is and what it may: ls -ld {path}."
        yield Finding("files", "access", "problem", f"{path} ({name}): {file.problem}.", do)
    if file.mode is None:
        return
    if file.private and file.mode & _OTHERS:
        # What counts are the files; a directory shows no more than their names.
        folder = name == "state directory"
        wanted = "700" if folder else "600"
        level: Level = "hint" if folder and not file.mode & _OTHERS_WRITE else "problem"
        saw = f"{path} ({name}) is open to other people of this machine: its mode is {file.mode:04o}."
        yield Finding("files", "access", level, saw, f"chmod {wanted} {path}")
    elif file.mode & _OTHERS_WRITE:
        saw = f"{path} ({name}) can be changed by other people of this machine: its mode is {file.mode:04o}."
        yield Finding("files", "access", "problem", saw, f"chmod go-w {path}")
