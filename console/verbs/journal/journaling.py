"""The work of `kvconsole journal`: sentences and figures about the journal's file."""

from __future__ import annotations

import json
import sys
import time
from datetime import date, datetime
from pathlib import Path

import click

from console import figures
from proxy_core import paths
from proxy_core.journal import Info, JournalFile, Wanted, open_journal
from proxy_core.keeper import limits_of
from proxy_core.settings import Settings
from proxy_core.visible import visible

_LABEL, _VALUE = 15, 18
_DAY_SECONDS = 86_400


def info(settings: Settings, *, as_json: bool) -> str:
    """What the journal holds and takes, for people or as JSON.

    As JSON it is one object. `path`, `written` (whether a kvconsole started now would write it), `entries`,
    `today`, `runs`, `conversations`, `oldest` and `newest` (seconds since the epoch), `disk_bytes`,
    `used_bytes`, `body_bytes` (what the bodies would take if each were stored whole), `ratio` (how many times
    as much that is), `limits` with `days` and `bytes`, and `set_aside`, a list of `path` and `bytes`. What is
    unknown is null.

    Raises:
        JournalError: It cannot be read.
    """
    path = paths.journal_file()
    with open_journal(path, limits_of(settings)) as journal:
        told, today = journal.info(), journal.count(Wanted(since=_midnight()))
        aside = _set_aside(journal)
    if as_json:
        return _as_json(settings, path, told, today, aside)
    if not path.exists():
        lines = [f"There is no journal yet: {_shown(path)}.", _who_writes(settings)]
        return "\n".join([*lines, *(_aside(name, size) for name, size in aside)])
    return "\n".join(_lines(settings, path, told, today, aside))


def clear(settings: Settings, *, ask: bool) -> str:
    """Remove every entry; gives what to tell the person.

    Raises:
        JournalError: It cannot be read or written.
        click.UsageError: Nobody can be asked.
    """
    path = paths.journal_file()
    if ask and (sys.stdin is None or not sys.stdin.isatty()):
        raise click.UsageError("There is nobody to ask; --yes clears without asking.")
    if not path.exists():
        return _nothing(path, settings)
    with open_journal(path, limits_of(settings)) as journal:
        before = journal.info()
        if ask:
            size = figures.size(before.disk_bytes)
            click.confirm(f"Remove {_entries(before.entries)} ({size}) from {_shown(path)}?", abort=True)
        gone = journal.clear()
        freed = before.disk_bytes - journal.info().disk_bytes
        aside = _set_aside(journal)
    lines = [f"Removed {_entries(gone)}, {figures.size(max(0, freed))} on the disk."]
    if aside:
        lines.append("What was set aside is still there; delete it when you need it no more:")
    return "\n".join([*lines, *(_aside(name, size) for name, size in aside)])


def vacuum(settings: Settings) -> str:
    """Write the file anew; gives what to tell the person.

    Raises:
        JournalError: It cannot be read or written, or there is no room for a second copy.
    """
    path = paths.journal_file()
    if not path.exists():
        return _nothing(path, settings)
    with open_journal(path, limits_of(settings)) as journal:
        had = journal.count()
        before, after = journal.vacuum()
        gone = had - journal.count()
    went = f" {_entries(gone).capitalize()} beyond its limits went." if gone > 0 else ""
    return f"The journal took {figures.size(before)}, and takes {figures.size(after)} now.{went}"


def _lines(
    settings: Settings, path: Path, told: Info, today: int, aside: list[tuple[Path, int]]
) -> list[str]:
    now = time.time()
    rows = [
        ("entries", figures.count(told.entries), f"{figures.count(today)} of them today" if today else ""),
        ("runs", figures.count(told.runs), ""),
        ("conversations", figures.count(told.lanes), ""),
        ("oldest", _moment(told.oldest), _ago(told.oldest, now)),
        ("newest", _moment(told.newest), _ago(told.newest, now)),
        ("on disk", figures.size(told.disk_bytes), f"{figures.size(told.used_bytes)} of it in use"),
        ("bodies whole", figures.size(told.body_bytes), _times(told)),
    ]
    days = f"{settings.journal_days:g} day{'' if settings.journal_days == 1 else 's'}"
    lines = [_shown(path), ""]
    lines += [f"{label:<{_LABEL}}{value:>{_VALUE}}  {beside}".rstrip() for label, value, beside in rows]
    lines += ["", f"Kept for {days} and up to {figures.size(settings.journal_size)}. {_who_writes(settings)}"]
    return lines + [_aside(name, size) for name, size in aside]


def _as_json(settings: Settings, path: Path, told: Info, today: int, aside: list[tuple[Path, int]]) -> str:
    ratio = _ratio(told)
    return json.dumps(
        {
            "path": str(path),
            "written": settings.journal,
            "entries": told.entries,
            "today": today,
            "runs": told.runs,
            "conversations": told.lanes,
            "oldest": told.oldest,
            "newest": told.newest,
            "disk_bytes": told.disk_bytes,
            "used_bytes": told.used_bytes,
            "body_bytes": told.body_bytes,
            "ratio": None if ratio is None else round(ratio, 2),
            "limits": {"days": settings.journal_days, "bytes": settings.journal_size},
            "set_aside": [{"path": str(name), "bytes": size} for name, size in aside],
        },
        indent=2,
    )


def _ratio(told: Info) -> float | None:
    """How many times as much the bodies would take if each were stored whole."""
    return told.body_bytes / told.used_bytes if told.body_bytes and told.used_bytes else None


def _times(told: Info) -> str:
    ratio = _ratio(told)
    return "" if ratio is None else f"{ratio:.1f} times what is in use"


def _who_writes(settings: Settings) -> str:
    if settings.journal:
        return "A kvconsole writes it while it runs."
    return "The settings say that none is written (journal = false)."


def _nothing(path: Path, settings: Settings) -> str:
    return f"There is no journal: {_shown(path)}. {_who_writes(settings)}"


def _entries(count: int) -> str:
    return f"{figures.count(count)} {'entry' if count == 1 else 'entries'}"


def _moment(at: float | None) -> str:
    """`Wed 2026-02-18 20:48`; unknown where no calendar has it."""
    try:
        return figures.UNKNOWN if at is None else f"{datetime.fromtimestamp(at):%a %Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return figures.UNKNOWN


def _ago(at: float | None, now: float) -> str:
    return (
        ""
        if at is None or not 0 <= now - at < 100 * 365 * _DAY_SECONDS
        else f"{figures.duration(now - at)} ago"
    )


def _midnight() -> float:
    """When the local day began, in seconds since the epoch."""
    return datetime.combine(date.fromtimestamp(time.time()), datetime.min.time()).timestamp()


def _set_aside(journal: JournalFile) -> list[tuple[Path, int]]:
    """The broken files that were kept under other names, each with its size in bytes and its log's."""
    return [
        (name, sum(part.stat().st_size for part in _with_log(name) if part.exists()))
        for name in journal.set_asides()
    ]


def _with_log(name: Path) -> tuple[Path, ...]:
    return name, name.with_name(f"{name.name}-wal"), name.with_name(f"{name.name}-shm")


def _aside(name: Path, size: int) -> str:
    return f"Set aside: {_shown(name)} ({figures.size(size)}), which could not be understood."


def _shown(path: Path) -> str:
    return visible(str(path)).replace("\n", "␊")
