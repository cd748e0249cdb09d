"""A check as JSON, for programs.

An object of:

`kvconsole`: the version. `ok`: whether the check passed.
`settings`: `mode` (`forwarded` or `raw`), `min_reuse` (0 to 1), `allow` (causes), `lane` (or null),
`measure` (`text`, or `tokens` as a live server counts them), `level` and `rules` (ids of those that are on;
null with `raw`), `context` (tokens that the rules take for a slot's), `upstream` (null, or its `url`,
`build`, `model`).
`summary`: counts of turns (`compared`, `passed`, `failed`, `allowed`), of requests that are not compared
(`first` of their conversation; `midway`: first as well, but with answers to turns that are not here, or whose
beginning changed; answered by an `error`; of a `foreign` API), and of `unread` ones, which fail the check;
`median_reuse` and `worst_reuse` (null where nothing was compared).
`turns`: in the order of the source. `place` for a person; `file`, `line`, `entry` and `id` as far as there
are such; `lane`; `client`; `reuse` (0 to 1); `shared`, `previous` and `size` (of what comes again, of the
earlier prompt and of this one) in `unit` (`bytes`: of text, of which those weigh more that make more
tokens; or `tokens`); `verdict` (`pass`, `fail`, `allowed`); `cause`, `where` and `excerpt` (`shared`,
`previous`, `current`, `previous_rest`, `current_rest`), which are null where the earlier prompt comes again
whole; `before` (place, file, line, entry and id of the turn before); `note` (why the request went
untouched, or null).
`unread`: `place`, `file`, `line`, `entry`, `id` and `reason` of requests that could not be checked; 100 at
most.

`entry` is the number of a request in its file, by which `kvconsole diff FILE#N` finds it; of a broken entry,
its number among the entries.

`reuse` is `shared` by `previous`; where a prompt only ends earlier than the one before it, `shared` by
`size`.
"""

from __future__ import annotations

import json
from typing import Any

from proxy_core import __version__
from proxy_core.study.checking.report import Report, Turn


def write(report: Report) -> bytes:
    """The report as UTF-8, ending with a line feed."""
    told = {
        "kvconsole": __version__,
        "ok": report.fine,
        "settings": dict(report.settings),
        "summary": {
            "compared": len(report.turns),
            "passed": len(report.of("pass")),
            "failed": len(report.of("fail")),
            "allowed": len(report.of("allowed")),
            "first": report.apart.get("first", 0),
            "midway": report.apart.get("midway", 0),
            "error": report.apart.get("error", 0),
            "foreign": report.apart.get("foreign", 0),
            "unread": report.unread_count,
            "median_reuse": report.median,
            "worst_reuse": report.worst,
        },
        "turns": [_turn(turn) for turn in report.turns],
        "unread": [{**one.spot._asdict(), "reason": one.reason} for one in report.unread],
    }
    # A file name may hold bytes that are no UTF-8; JSON can spell them.
    return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        **turn.spot._asdict(),
        "lane": turn.lane,
        "client": turn.client,
        "reuse": turn.reuse,
        "shared": turn.shared,
        "previous": turn.previous,
        "size": turn.size,
        "unit": turn.unit,
        "verdict": turn.result,
        "cause": turn.cause,
        "where": turn.where or None,
        "excerpt": None if turn.excerpt is None else turn.excerpt._asdict(),
        "before": turn.before._asdict(),
        "note": turn.note,
    }
