"""The process behind a port of this machine, as far as Linux tells its owner.

Source: proc(5). Elsewhere, and for processes of other people or in other containers, there is nothing to see.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"
_DELETED = " (deleted)"
_LOOPBACK = {"0100007F", "00000000", "0" * 32, "0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F"}
"""127.0.0.1 and every address, in both families, as the kernel writes them on the usual machines."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that listens."""

    pid: int
    name: str
    argv: tuple[str, ...] = ()
    """How it was started. It may hold an API key: only `flag` and `has` look into it, nothing prints it."""
    files: tuple[str, ...] = ()
    """Paths of the files that it has open for writing."""
    inodes: frozenset[tuple[int, int]] = frozenset()
    """Device and inode of the same files: in a container their paths are other ones."""
    log: str | None = None
    """The file that seems to be its log: where its errors or its output go, else the one of --log-file."""
    pipes: bool = False
    """Whether its output or its errors go into a pipe, a socket or a terminal, so that another program may
    write them to a file."""

    @property
    def is_llama_server(self) -> bool:
        """Whether its arguments are those of llama-server."""
        program = self.argv[0].rsplit("/", 1)[-1] if self.argv else ""
        return "llama-server" in program

    def flag(self, *names: str) -> str | None:
        """The last value given for a flag under one of its names; None where there is none."""
        if not self.is_llama_server:
            return None
        return last_value(self.argv, names)


def last_value(argv: Sequence[str], names: Sequence[str]) -> str | None:
    """The last value for a flag, as `--flag VALUE` or `--flag=VALUE`."""
    found = None
    for word, following in zip(argv, [*argv[1:], None], strict=True):
        name, equals, value = word.partition("=")
        if name in names:
            found = value if equals else following
    return found


def listening_on(port: int, proc: Path = _PROC) -> Process | None:
    """The process that listens on a port of this machine's own address; None when it cannot be told."""
    inodes = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    if not inodes:
        return None
    for folder in _folders(proc):
        links = _links(folder)
        if any(target in inodes for target in links.values()):
            return _process(folder, links)
    return None


def _inodes(port: int, proc: Path) -> Iterator[str]:
    for name in ("tcp", "tcp6"):
        for line in _text(proc / "net" / name).splitlines()[1:]:
            words = line.split()
            if len(words) < 10 or words[3] != _LISTENING:
                continue
            address, _, hexadecimal = words[1].partition(":")
            if address in _LOOPBACK and int(hexadecimal, 16) == port:
                yield words[9]


def _folders(proc: Path) -> Iterator[Path]:
    try:
        yield from (entry for entry in proc.iterdir() if entry.name.isdigit())
    except OSError:
        return


def _links(folder: Path) -> dict[int, str]:
    """Targets by descriptor; none of a process that belongs to somebody else, or has just ended."""
    found: dict[int, str] = {}
    try:
        for entry in (folder / "fd").iterdir():
            try:
                found[int(entry.name)] = str(entry.readlink())
            except OSError:
                continue
    except OSError:
        return {}
    return found


def _process(folder: Path, links: dict[int, str]) -> Process:
    argv = tuple(word for word in _text(folder / "cmdline").split("\0") if word)
    written = {
        number: target
        for number, target in links.items()
        if target.startswith("/") and not target.startswith("/dev/") and _writes(folder, number)
    }
    files = tuple(dict.fromkeys(written.values()))
    inodes = frozenset(inode for number in written if (inode := _inode(folder, number)) is not None)
    outputs = [links.get(number, "") for number in (1, 2)]
    piped = any(target.startswith(("pipe:", "socket:", "/dev/pts/", "/dev/tty")) for target in outputs)
    name = _text(folder / "comm").strip() or "?"
    process = Process(int(folder.name), name, argv, files, inodes, None, piped)
    named = process.flag("--log-file") or ""
    by_name = [target for target in files if target.rsplit("/", 1)[-1] == named.rsplit("/", 1)[-1]]
    logs = [*(target for target in reversed(outputs) if target in files), *by_name]
    return replace(process, log=next((target for target in logs if not target.endswith(_DELETED)), None))


def _writes(folder: Path, number: int) -> bool:
    """Whether a descriptor is open for writing."""
    for line in _text(folder / "fdinfo" / str(number)).splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False


def _inode(folder: Path, number: int) -> tuple[int, int] | None:
    try:
        status = (folder / "fd" / str(number)).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""
