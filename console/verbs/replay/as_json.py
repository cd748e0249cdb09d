"""A replay as JSON."""

from __future__ import annotations

import json
from typing import Any

from console.verbs.replay.report import Report
from proxy_core.study.replay.conversations import ARMS, Conversation
from proxy_core.study.replay.figures import Measured, Row, Sums, sums
from proxy_core.study.replay.played import Played


def json_text(report: Report) -> str:
    """Everything that is known, as one object. Tokens, and times in milliseconds; null is unknown.

    `server`, `rules`, `replay` tell of the circumstances, `medians` of all turns after the first ones,
    `conversations` of each conversation: its `turns`, each with both arms over all rounds (`ms_min` to
    `ms_max` is the spread, `ms_of` whether `ms` is `prompt` eval or the whole `answer`) and the `rounds`
    themselves. `left_out` and `warnings` are sentences.
    """
    by_lane = report.rows()
    every = [row for found in by_lane.values() for row in found]
    upstream, edits = report.upstream, report.plan.edits
    told = {
        "server": {
            "url": upstream.url,
            "build": upstream.build,
            "build_info": upstream.build_info,
            "model": upstream.model,
            "slots": upstream.slots,
            "context": upstream.ctx,
        },
        "rules": {
            "level": report.rules.level,
            "version": report.rules.version,
            "on": len(report.rules.enabled),
            "edits": dict(edits.most_common()),
        },
        "replay": {
            "rounds": report.rounds,
            "max_tokens": report.max_tokens,
            "prompts": report.prompts,
            "played": len(report.played),
            "complete": report.complete,
            "seconds": round(report.seconds, 3),
        },
        "medians": _sums(sums(every)),
        "conversations": [_conversation(one, by_lane.get(one.lane, [])) for one in report.plan.conversations],
        "left_out": list(report.left_out()),
        "warnings": list(report.warnings()),
    }
    return json.dumps(told, indent=2)


def _conversation(one: Conversation, found: list[Row]) -> dict[str, Any]:
    return {
        "conversation": one.lane,
        "client": one.client,
        "api": one.turns[0].api,
        "requests": len(one.turns),
        "medians": _sums(sums(found)),
        "turns": [_turn(row) for row in found],
    }


def _turn(row: Row) -> dict[str, Any]:
    told: dict[str, Any] = {"turn": row.turn, "request": row.request, "source": row.place}
    for arm, measured in zip(ARMS, (row.raw, row.normalized), strict=True):
        rounds = [_round(one) for one in row.played if one.arm == arm]
        told[arm] = {**_measured(measured), "rounds": rounds}
    return {**told, "ratio": row.ratio}


def _round(one: Played) -> dict[str, Any]:
    return {
        "round": one.round,
        "status": one.status,
        "tokens": one.tokens,
        "reused": one.reused,
        "evaluated": one.evaluated,
        "shared": one.shared,
        "sim": one.sim,
        "prompt_ms": one.prompt_ms,
        "answer_ms": one.answer_ms,
        "others": one.others,
        "cold": None if one.turn != 1 or one.reused is None else not one.warm,
        "problem": one.problem,
        "note": one.note,
    }


def _sums(found: Sums) -> dict[str, Any]:
    return {
        "turns": found.turns,
        "raw": {**_measured(found.raw), "ms_sum": found.raw_ms},
        "normalized": {**_measured(found.normalized), "ms_sum": found.normalized_ms},
        "ratio": found.ratio,
    }


def _measured(found: Measured) -> dict[str, Any]:
    return {
        "tokens": found.tokens,
        "reused": found.reused,
        "evaluated": found.evaluated,
        "sim": found.sim,
        "ms": found.ms,
        "ms_min": found.ms_min,
        "ms_max": found.ms_max,
        "ms_of": None if found.ms is None else found.clock,
    }
