"""The tables of a rule file, as they are written. The JSON schema and the messages come from here."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from proxy_core.prompt import Api, Kind
from proxy_core.rules.look import At
from proxy_core.rules.rule import Level

ExampleKind = Literal["system", "user", "assistant", "tool", "tools", "messages"]

Table = type[msgspec.Struct]


class FrameTable(msgspec.Struct, forbid_unknown_fields=True):
    """How a client decorates a message that a person wrote. All values are RE2 patterns."""

    headings: list[str] = []
    """Lines above fenced JSON blocks before the person's words, in the client's order."""
    lines: list[str] = []
    """Whole lines that may stand before or between those blocks."""
    paragraphs: list[str] = []
    """First lines of pieces that end at the next blank line."""
    pieces: list[str] = []
    """Pieces of several lines, from the first character to the last, their line breaks included."""
    stamp: str | None = None
    """What may stand right before the person's words, after everything else: a time stamp."""
    tail: str | None = None
    """What may stand behind the person's words; it ends where the text ends."""
    carrier: str | None = None
    """Matches at the start of a user message that is the client's context for a turn and no person's."""
    aside: str | None = None
    """Matches the whole of a text part that is the client's and no person's."""


class LookTable(msgspec.Struct, forbid_unknown_fields=True):
    """A place, and what is matched there."""

    kinds: Kind | list[Kind] = msgspec.field(name="in")
    """Whose texts: system, user, assistant, tool."""
    at: At | None = None
    """The kind of place: start (of a text), json (keys of a fenced block), section (below a heading), block
    (between delimiters), whole (text), tail (end of a text), text (anywhere, system only), carrier (whole
    messages of the client's, for relocate). Left out: json with `keys`, else start."""
    pattern: str | None = None
    """What is matched, an RE2 pattern; of one with a group, what the first group covers."""
    frame: str | None = None
    """The frame of this file that tells the client's decoration from a person's words."""
    message: Literal["first"] | None = None
    """Look only at the first message of its kind."""
    section: str | None = None
    """at = json: a pattern for the heading above the block, anchored with (?m)^."""
    proof: dict[str, str] = {}
    """at = json: keys whose value must match before the block is taken for the client's."""
    keys: list[str] = []
    """at = json: the members to match."""
    heading: str | None = None
    """at = section: a pattern for the line that begins it."""
    until: str | None = None
    """at = section: a pattern for the line that ends it; left out: the next Markdown heading."""
    before: str | None = None
    """at = json, section, block or text: a pattern for where others' text begins; only what stands above it
    counts."""
    match: Literal["last"] | None = None
    """at = text: only the last match counts; what stands above may be a file that quotes it."""
    fenced: bool | None = None
    """at = text: false leaves fenced code alone, where examples stand."""
    open: str | None = None
    """at = block: a pattern for what begins it."""
    close: str | None = None
    """at = block: a pattern for what ends it; left out: the text's end."""


class ExampleTable(msgspec.Struct, forbid_unknown_fields=True):
    """What the rule makes of a text, of the tools or of a conversation. Checked when the file is read."""

    kind: ExampleKind = msgspec.field(name="in")
    """What `before` is: a text of that kind, a list of tools, or a list of messages."""
    before: str | list[Any]
    """As the client sends it. Of tools: names, or whole tables."""
    after: str | list[Any] | None = None
    """As the server gets it; left out where the rule must leave it alone."""
    moved: str | None = None
    """What must stand at the end of the user message then."""
    first: str | list[Any] | None = None
    """What the lane's earlier request had in that place; of messages: all earlier requests."""


class RuleTable(msgspec.Struct, forbid_unknown_fields=True):
    """A rule."""

    id: str
    """Small letters, digits, dots and dashes: client.what."""
    title: str
    """A few words for the screen."""
    does: str
    """What it does, in one sentence."""
    cost: str
    """What it costs, in one sentence."""
    action: str = "strip"
    """What becomes of what is matched."""
    parameters: dict[str, Any] = msgspec.field(name="with", default_factory=dict)
    """The action's parameters."""
    look: list[LookTable] = []
    """Where it looks."""
    client: str = "any"
    """The client that it is for; any for all."""
    apis: list[Api] = msgspec.field(default_factory=lambda: list(get_args(Api)))
    """The APIs that it is for; left out: all."""
    level: Level = "safe"
    """From which level on it runs: safe takes nothing that a model needs."""
    on: bool = True
    """Whether it is on when its level is reached."""
    rare: bool = False
    """Whether it matches only now and then, so that it is never called stale."""
    frame: str | None = None
    """The frame of this file that tells a person's words, where no look names it and there are several."""
    example: list[ExampleTable] = []
    """Examples; one should show a look-alike that is left alone."""


class PackTable(msgspec.Struct, forbid_unknown_fields=True):
    """A rule file of kvconsole."""

    rule: list[RuleTable] = []
    """The rules."""
    frames: dict[str, FrameTable] = {}
    """How clients decorate messages, by a name of your choice."""


LOOK_KEYS: dict[At, tuple[frozenset[str], frozenset[str]]] = {
    "start": (frozenset({"pattern"}), frozenset({"frame"})),
    "json": (frozenset({"keys"}), frozenset({"section", "before", "proof", "frame"})),
    "section": (frozenset({"heading"}), frozenset({"until", "before", "pattern", "frame"})),
    "block": (frozenset({"open"}), frozenset({"close", "before", "pattern", "frame"})),
    "whole": (frozenset({"pattern"}), frozenset()),
    "tail": (frozenset({"pattern"}), frozenset()),
    "text": (frozenset({"pattern"}), frozenset({"before", "fenced", "match"})),
    "carrier": (frozenset(), frozenset({"frame"})),
}
"""For each kind of place the keys of a look that it needs, and those that it may have besides."""


def keys_of(table: Table) -> dict[str, Any]:
    """A table's fields by the names that a file uses."""
    return {field.encode_name: field for field in msgspec.structs.fields(table)}
