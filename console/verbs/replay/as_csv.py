"""A replay as CSV: a row for each prompt, so that any program can work out its own medians."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from console.verbs.replay.report import Report
from console.verbs.sink import Sink, same_file
from console.verdicts import one_line
from proxy_core.errors import KvconsoleError
from proxy_core.study.replay.figures import Measured, Row
from proxy_core.study.replay.played import Played

COLUMNS = (
    *("conversation", "turn", "request", "source", "api", "arm", "round", "status"),
    *("tokens", "reused", "evaluated", "shared", "sim", "prompt_ms", "answer_ms", "others", "cold"),
    *("ms_median", "ms_min", "ms_max", "ms_of", "problem", "note"),
)
"""Tokens, and times in milliseconds; what is unknown is empty. `ms_…` are of all rounds of a turn and arm."""


class CsvFile:
    """Where rows are written in the end. It is looked at before anything is played.

    Args:
        name: A file; `-` is standard output.
        sources: Files that are read.

    Raises:
        KvconsoleError: Nothing can be written there, or something else would be lost.
    """

    def __init__(self, name: str, sources: Sequence[str]) -> None:
        self.name = name
        self._path = Path(name)
        if name != "-":
            self._check(sources)

    def write(self, text: str) -> None:
        """Write all rows.

        Raises:
            KvconsoleError: The system refuses.
        """
        try:
            with Sink(self.name, force=True).opened() as file:
                file.write(text.encode(errors="replace"))
        except OSError as error:
            raise self._wrong(f"cannot be written: {error.strerror or error}.") from error

    def _check(self, sources: Sequence[str]) -> None:
        path = self._path
        try:
            if any(same_file(path, name) for name in sources):
                raise self._wrong("is the capture itself. Name another file.")
            if path.is_dir():
                raise self._wrong("is a directory. Name a file in it.")
            if path.is_file() and path.stat().st_size and not self._ours():
                raise self._wrong("holds something else, which would be lost. Name another file.")
            if not path.exists() and not path.parent.is_dir():
                raise self._wrong("cannot be written: its directory is not there.")
        except (OSError, ValueError) as error:
            raise self._wrong(f"cannot be written: {error}.") from error
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise self._wrong("cannot be written: permission denied.")

    def _ours(self) -> bool:
        """Whether an earlier replay wrote it."""
        head = ",".join(COLUMNS).encode()
        with self._path.open("rb") as file:
            return file.read(len(head)) == head

    def _wrong(self, what: str) -> KvconsoleError:
        return KvconsoleError(f"{one_line(self.name)} {what}", title="--csv")


def csv_text(report: Report) -> str:
    """The rows, in the order in which the prompts were sent, below a line of names."""
    by_turn = {(lane, row.turn): row for lane, found in report.rows().items() for row in found}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in report.played:
        writer.writerow(_cells(one, by_turn[one.lane, one.turn]))
    return text.getvalue()


def _cells(one: Played, row: Row) -> list[object]:
    over_rounds: Measured = row.raw if one.arm == "raw" else row.normalized
    cold = None if one.turn != 1 or one.reused is None else not one.warm
    return [
        *(
            one_line(one.lane),
            one.turn,
            one.request,
            one_line(one.place),
            one.api,
            one.arm,
            one.round,
            one.status,
        ),
        *(one.tokens, one.reused, one.evaluated, one.shared, _rounded(one.sim, 4)),
        *(_rounded(one.prompt_ms, 3), _rounded(one.answer_ms, 3), _flag(one.others), _flag(cold)),
        *(_rounded(ms, 3) for ms in (over_rounds.ms, over_rounds.ms_min, over_rounds.ms_max)),
        *(over_rounds.clock if over_rounds.ms is not None else None, one_line(one.problem or ""), one.note),
    ]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()
