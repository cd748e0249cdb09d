"""What `kvconsole inspect` found, for programs. Keys stay; what is not known is null.

requests[]       one request: id, lane, items, sizes (bytes of text), reuse {raw, normalized} from 0 to 1
conversations[]  one conversation: reuse, read_again (bytes), changed {raw, normalized}[] with `times` of
                 `turns`, `first` (nothing in front changed), `read_again`, and rules [{id, level, on}]
candidates[]     one text that changes: part, line, character, far, shape, times of turns, values, rules
                 [{id, level, on}], draft {id, reuse, without, rule} or why_no_draft
trial            reuse as the rules are, with known rules that are off, and with the drafts
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy_core.rules import RuleSet
from proxy_core.study.inspecting.candidates import Found
from proxy_core.study.inspecting.inspection import Changed, Conversation, Inspection, Request
from proxy_core.study.inspecting.trial import Suggested


def as_tree(found: Inspection, told: Suggested, rules: RuleSet) -> dict[str, Any]:
    """The report as one object."""
    return {
        "level": rules.level,
        "requests": [_request(one) for one in found.requests],
        "conversations": [_conversation(one) for one in found.conversations.values()],
        "candidates": [_candidate(one, found, told) for one in found.candidates],
        "not_followed": found.more,
        "trial": {
            "reuse": told.base,
            "switched_on": list(told.switched),
            "reuse_switched": told.known,
            "drafts": [one.draft.rule.id for one in told.tried],
            "reuse_drafts": told.together,
        },
    }


def _request(one: Request) -> dict[str, Any]:
    return {
        "number": one.number,
        "id": one.id,
        "place": one.place,
        "at": one.at,
        "client": one.client,
        "api": one.api,
        "label": one.label,
        "model": one.model,
        "lane": one.lane,
        "items": None if one.items is None else one.items._asdict(),
        "sizes": None if one.sizes is None else one.sizes._asdict(),
        "stream": one.stream,
        "body": one.size,
        "http_status": one.status,
        "follows": one.follows,
        "reuse": {"raw": one.raw, "normalized": one.normalized},
        "note": one.note,
    }


def _conversation(told: Conversation) -> dict[str, Any]:
    return {
        "lane": told.lane,
        "requests": told.requests,
        "clients": told.clients,
        "first_at": told.first_at,
        "last_at": told.last_at,
        "turns": told.turns,
        "reuse": {"raw": told.raw.share, "normalized": told.normalized.share},
        "read_again": {"raw": told.again_raw, "normalized": told.again},
        "changed": {"raw": _changes(told.changed_raw), "normalized": _changes(told.changed)},
    }


def _changes(changed: Mapping[str, Changed]) -> list[dict[str, Any]]:
    return [
        {
            "part": one.part,
            "detail": one.detail or None,
            "times": one.times,
            "first": one.first,
            "read_again": one.cost,
            "rules": [rule._asdict() for rule in one.rules],
        }
        for one in changed.values()
    ]


def _candidate(one: Found, found: Inspection, told: Suggested) -> dict[str, Any]:
    tried = next((tried for tried in told.tried if tried.draft.found is one), None)
    draft = None
    if tried is not None:
        draft = {
            "id": tried.draft.rule.id,
            "reuse": tried.reuse,
            "without": tried.without,
            "rule": tried.draft.table,
        }
    return {
        "client": one.key.client,
        "part": one.part,
        "section": one.section or None,
        "line": None if one.in_tools else one.line,
        "character": None if one.in_tools else one.character,
        "far": one.far,
        "behind": one.behind,
        "request": one.request,
        "shape": one.shape,
        "what": one.key.context if one.in_tools else None,
        "times": one.times,
        "turns": found.turns(one),
        "first": one.leading,
        "read_again": one.cost,
        "conversations": sorted(one.lanes),
        "values": one.values,
        "rules": [rule._asdict() for rule in one.rules],
        "draft": draft,
        "why_no_draft": next((why for other, why in told.refused if other is one), None),
    }
