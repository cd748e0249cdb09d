"""Drafts of rules for text that changes from turn to turn and that no rule knows.

A draft is as narrow as what surrounds the text allows: it is anchored to constant words of the same line, or
of the lines above, and tried on the texts that it was made from before anybody sees it. Nothing is lost by
it: what the model may need moves to the newest user message, or is told there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from proxy_core.errors import RuleError
from proxy_core.rules import Rule
from proxy_core.rules.pack import made_rule
from proxy_core.study.inspecting.candidates import Found
from proxy_core.study.inspecting.looking import BEHIND, LETTERS, NEAR, Look, Text, finds, letters, looks
from proxy_core.study.inspecting.shapes import MACHINES, TIMES

SOURCE = "draft"
"""What the file of a draft is called until it is written."""

LEAVE = "(see the user's messages)"
"""What stays where a moved time stood."""

_SECONDS = (
    r"([0-9](?::[0-9]{2}| ?[时時点點] ?[0-9]{1,2} ?分))"
    r"(?::[0-9]{2}(?:[.,][0-9]+)?| ?[0-9]{1,2} ?秒)"
)
_LABEL = 60
_OFTEN = 2
"""Times that text of no machine's shape has to change: a person may have edited it once."""


class Refused(NamedTuple):
    """Why there is no draft."""

    why: str


@dataclass(frozen=True)
class Draft:
    """A rule that would take a candidate out of the prefix."""

    table: dict[str, Any]
    """The rule as in `[[rule]]` of a rule file."""
    rule: Rule
    found: Found


def draft(found: Found, client: str | None, taken: Sequence[str]) -> Draft | Refused:
    """A rule for a candidate.

    Args:
        found: What changes.
        client: The client that it is for; None for any.
        taken: Ids of rules that there are.
    """
    why = _unfit(found)
    if why is not None:
        return Refused(why)
    texts = [Text(sample) for sample in found.samples]
    label = _label(texts[0], found)
    for look in looks(found, texts):
        table = _table(found, client, taken, label, look, texts)
        try:
            rule = made_rule(SOURCE, table)
        except RuleError:
            continue
        if all(finds(rule, text) for text in texts):
            return Draft(table, rule, found)
    return Refused("what stands around it does not tell it from other text")


def _unfit(found: Found) -> str | None:
    """Why no rule of one's own can help."""
    if found.key.site.kind is None:
        return "no rule looks into the declaration of a tool; let the client send the same tools each time"
    if found.key.how == "lines":
        return "whole lines come and go; a rule for them needs to know where they begin and end"
    if len(found.samples) < 2:
        return "it was seen once only"
    if found.shape not in MACHINES and found.times < _OFTEN:
        return "it changed once, which a person may have done"
    return None


def _label(text: Text, found: Found) -> str:
    """What a value is called: the constant words in front of it."""
    words: list[str] = []
    for token in reversed(text.before):
        if token.shape is not None:
            break
        words.append(token.text)
    label = _clean(re.split(r"[.;!?] ", "".join(reversed(words)))[-1])
    if letters(label) >= LETTERS:
        return label
    above = next((_clean(line) for line in reversed(text.above) if line.strip()), "")
    shape = found.shape if found.shape not in ("text", "number", "counter") else "value"
    return above if letters(above) >= LETTERS and above.endswith(":") else f"{shape}:"


def _clean(text: str) -> str:
    """A text without marks and line breaks, for a note."""
    text = re.sub(r"[{}<>*`\"'#|\[\]\\]|[^\x20-\x7e\u00a1-\U0010ffff]", " ", text)
    text = " ".join(text.split()).replace(" :", ":").lstrip("-•.,;:)( ")
    text = re.sub(" ?=$", ":", text)
    cut = text[-_LABEL:] if len(text) > _LABEL else text
    return cut if cut == text else cut.partition(" ")[2]


def _table(
    found: Found,
    client: str | None,
    taken: Sequence[str],
    label: str,
    look: Look,
    texts: Sequence[Text],
) -> dict[str, Any]:
    """The rule's table."""
    moves = found.shape in TIMES and found.key.site.kind == "system"
    what = label.rstrip(" :=") or found.shape
    where = "the system prompt" if found.key.site.kind == "system" else "the first user message"
    note = f"[{label} {{}}]"
    table: dict[str, Any] = {
        "id": _id(what, taken),
        "title": f"“{what}” in {where}",
        "client": client or "any",
        # Nothing is lost by it, and who puts it into the rules directory wants it to work there.
        "level": "safe",
    }
    if moves:
        table["does"] = f"Moves “{what}” from {where} to the end of the newest user message, where it stays."
        coarse = any(re.search(_SECONDS, value) for value in found.values)
        less = ", without seconds" if coarse else ""
        table["cost"] = f"The model finds it further down{less}; some tokens for each change."
    else:
        table["does"] = (
            f"Keeps the first “{what}” that the conversation had in {where}, and tells a new one at the end "
            "of the newest user message."
        )
        table["cost"] = "The newest value stands further down; some tokens for each change."
    if client is None:
        table["rare"] = True
    table["action"] = "relocate" if moves else "freeze"
    table["with"] = {"note": note}
    if moves:
        table["with"]["leave"] = LEAVE
        if coarse:
            table["with"] |= {"find": _SECONDS, "to": r"\1"}
    table["look"] = [look.table]
    table["example"] = _examples(found, note, look, texts, moves=moves)
    return table


def _id(what: str, taken: Sequence[str]) -> str:
    slug = "-".join(re.findall("[a-z0-9]+", what.lower()))[:40].strip("-") or "text"
    name, number = f"mine.{slug}", 2
    while name in taken:
        name, number = f"mine.{slug}-{number}", number + 1
    return name


def _examples(
    found: Found, note: str, look: Look, texts: Sequence[Text], *, moves: bool
) -> list[dict[str, Any]]:
    """Examples of the real text: what becomes of it, and that nobody's pasted words are touched."""
    kind = found.key.site.kind
    old, new = (_snippet(text, look) for text in texts[:2])
    (was, _), (value, cut) = old, new
    if moves:
        said = re.sub(_SECONDS, r"\1", value)
        shown = {"in": kind, "before": cut.replace("\0", value), "after": cut.replace("\0", LEAVE)}
        shown["moved"] = note.replace("{}", said.strip())
    else:
        shown = {"in": kind, "first": old[1].replace("\0", was), "before": cut.replace("\0", value)}
        told = note.replace("{}", value.strip())
        after = cut.replace("\0", was)
        shown["after"] = f"{after}\n\n{told}" if kind == "user" else after
        if kind != "user":
            shown["moved"] = told
    other = "user" if kind == "system" else "system"
    return [shown, {"in": other, "before": cut.replace("\0", value)}]


def _snippet(text: Text, look: Look) -> tuple[str, str]:
    """The value, and as much around it as the look asks for, with NUL in the value's place."""
    start = text.begins(look.above)
    pattern = look.table["pattern"]
    bare = not pattern.startswith(("(?m)^", r"(?m)\A")) and look.table["at"] == "text"
    if bare:
        start = max(start, text.start - 2 * NEAR)
    end = text.line_end if text.line_end - text.end <= 2 * BEHIND else text.end + 2 * NEAR
    return text.value, text.text[start : text.start] + "\0" + text.text[text.end : end]
