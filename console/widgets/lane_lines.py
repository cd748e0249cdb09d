"""Slots, conversations and the ledger as lines of text."""

from __future__ import annotations

from textual.content import Content

from console import figures
from console.verdicts import COLOUR, left, line, one_line, sign, tone
from console.widgets.wrapped import QUIET, STRONG, clipped, prose
from proxy_core.board import Board, LaneView, SlotView
from proxy_core.events import JournalState
from proxy_core.ledger import EMPTY, NOTHING, Account, Amount, Ledger

_MOST_SLOTS = 8
_TOKENS, _TIME, _CAUSE = 6, 6, 20
_PAIR = _TOKENS + 1 + _TIME
_LEAST_NAME = 12
_DOING, _DOING_SHORT = 20, 15
"""Cells for `◐ 43 % · 10m12s left`, and for the same without the last word."""
_SLOT_TOKENS = 13
_ROOMY_FROM = 58
"""Cells of a slot's line from which on there is room for its tokens; the conversations tell theirs too."""
_CLIENT_FROM, _SAVED_FROM = 100, 84
"""Cells of a line from which on there is room for these columns."""


def name(lane: LaneView) -> str:
    """What to call a conversation: how it began, or its id."""
    return one_line(lane.label) or lane.id


def is_known(lane: LaneView) -> bool:
    """Whether there is more to show of a conversation than that it is remembered from an earlier start."""
    return bool(lane.label) or lane.slot is not None or lane.tokens is not None or lane.verdict is not None


def slot_lines(board: Board, width: int) -> list[Content]:
    """Who holds which slot, and what each is doing; those that nobody holds stand behind one line."""
    if not board.slots:
        return [Content.styled("No slot is known yet: the log and GET /slots tell of them.", QUIET)]
    names = {lane.id: name(lane) for lane in board.lanes}
    slots = list(board.slots)
    if len(slots) > _MOST_SLOTS:
        slots = [slot for slot in slots if slot.busy or slot.lane is not None][:_MOST_SLOTS]
    lines = [_slot(slot, names, width) for slot in slots]
    if more := len(board.slots) - len(slots):
        lines.append(Content.styled(f"and {figures.plural(more, 'more slot')}", QUIET))
    return lines


def journal_lines(journal: JournalState, width: int) -> list[Content]:
    """What is not in the journal, and what went wrong; nothing while all is well."""
    if not (journal.dropped or journal.problem):
        return []
    lines = [Content.styled("journal", STRONG)]
    if journal.dropped:
        are = f"{figures.plural(journal.dropped, 'request')} {'is' if journal.dropped == 1 else 'are'}"
        lines += prose(Content.styled(f"{are} not in it; all were forwarded.", COLOUR["fair"]), width)
    if journal.problem:
        lines += prose(one_line(journal.problem), width)
    return lines


def lane_heading(width: int) -> Content:
    """The titles above the conversations."""
    cells = _cells("conversation", "slot", "seen", "tokens", "reused", "saved", "client", width)
    return Content.styled(f"{cells}{'verdict'}", QUIET)


def lane_line(lane: LaneView, account: Account, now: float, width: int) -> Content:
    """One conversation; `now` is in seconds since the epoch."""
    slot = figures.UNKNOWN if lane.slot is None else f"{'■' if lane.holds else '□'} {lane.slot}"
    seen = figures.duration(max(0.0, now - lane.seen))
    saved = _span(account.saved)
    cells = _cells(
        name(lane),
        slot,
        seen,
        figures.tokens_short(lane.tokens),
        figures.share(lane.reused),
        saved,
        one_line(lane.client or figures.UNKNOWN),
        width,
    )
    verdict = lane.verdict
    if verdict is None:
        return Content.assemble(cells, (figures.UNKNOWN, QUIET))
    room = max(4, width - len(_cells("", "", "", "", "", "", "", width)))
    return Content.assemble(cells, (clipped(line(verdict), room), COLOUR[tone(verdict.cause)]))


def ledger_lines(ledger: Ledger, lane: LaneView | None, width: int) -> list[Content]:
    """Saved by rules and lost by cause, in all and for one conversation; how good predictions are."""
    if ledger.total == EMPTY:
        return [Content.styled("Nothing was saved or lost yet.", QUIET)]
    accounts = [ledger.total]
    titles = ["all"]
    if lane is not None:
        accounts.append(dict(ledger.lanes).get(lane.id, EMPTY))
        titles.append(name(lane))
    head = "".join(f"  {clipped(title, _PAIR - 1):>{_PAIR}}" for title in titles)
    lines = [
        Content.styled(f"{'tokens, and time':<{_CAUSE}}{head}", QUIET),
        _amounts("saved by rules", "$text", [account.saved for account in accounts]),
        _amounts("lost in all", "$text", [_lost(account) for account in accounts]),
    ]
    for cause, _ in ledger.total.lost:
        amounts = [dict(account.lost).get(cause, NOTHING) for account in accounts]
        lines.append(_amounts(f"{sign(cause)} {cause}", COLOUR[tone(cause)], amounts))
    return lines + _checks(ledger, width)


def _lost(account: Account) -> Amount:
    """Everything that an account lost, whatever the cause."""
    amounts = [amount for _, amount in account.lost]
    return Amount(
        sum(amount.tokens for amount in amounts),
        sum(amount.ms for amount in amounts),
        sum(amount.turns for amount in amounts),
    )


def _slot(slot: SlotView, names: dict[str, str], width: int) -> Content:
    head = f"slot {slot.id}{'' if slot.port is None else f' :{slot.port}'}"
    roomy = width >= _ROOMY_FROM
    tail = clipped(_doing(slot, roomy), _DOING)
    taken = _DOING if roomy else _DOING_SHORT
    if roomy:
        tokens = f"{figures.tokens_short(slot.tokens)} tokens" if slot.tokens is not None else figures.UNKNOWN
        tail = f"{tokens:>{_SLOT_TOKENS}}  {tail}"
        taken += _SLOT_TOKENS + 2
    who, style = "nobody known here", QUIET
    if slot.lane is not None:
        who, style = names.get(slot.lane, slot.lane), "$text"
    room = max(_LEAST_NAME, width - len(head) - taken - 4)
    return Content.assemble((f"{head}  ", STRONG), (_fitted(who, room), style), "  ", tail)


def _doing(slot: SlotView, roomy: bool) -> str:
    """What a slot does: `idle`, `busy`, or how far its prompt is."""
    if not slot.busy:
        return "idle"
    if slot.share is None:
        return "busy"
    doing = f"◐ {figures.share(slot.share)}"
    if slot.seconds_left is None:
        return doing
    return f"{doing} · {left(slot.seconds_left)}{' left' if roomy else ''}"


def _cells(
    conversation: str, slot: str, seen: str, tokens: str, reused: str, saved: str, client: str, width: int
) -> str:
    """The columns before the verdict, with two cells between them."""
    columns = [f"{slot:>4}", f"{seen:>6}", f"{tokens:>6}", f"{reused:>6}"]
    if width >= _SAVED_FROM:
        columns.append(f"{saved:>7}")
    if width >= _CLIENT_FROM:
        columns.append(_fitted(client, 12))
    room = width - sum(len(column) + 2 for column in columns)
    columns.insert(0, _fitted(conversation, max(_LEAST_NAME, room * 2 // 5)))
    return "  ".join(columns) + "  "


def _fitted(text: str, cells: int) -> str:
    short = clipped(text, cells)
    return short + " " * (cells - Content(short).cell_length)


def _amounts(label: str, style: str, amounts: list[Amount]) -> Content:
    figured = "".join(f"  {_pair(amount)}" for amount in amounts)
    return Content.assemble((f"{clipped(label, _CAUSE):<{_CAUSE}}", style), figured)


def _pair(amount: Amount) -> str:
    if amount.tokens == 0:
        return f"{figures.UNKNOWN:>{_TOKENS}}{'':>{_TIME + 1}}"
    return f"{figures.tokens_short(amount.tokens):>{_TOKENS}} {_span(amount):>{_TIME}}"


def _span(amount: Amount) -> str:
    """The time; unknown where nobody knows how fast the server is."""
    return figures.duration(amount.ms / 1000) if amount.ms else figures.UNKNOWN


def _checks(ledger: Ledger, width: int) -> list[Content]:
    if not ledger.checks or ledger.error is None:
        text = "Predictions are not checked yet: that takes turns that no rule changed."
    else:
        turns = figures.plural(ledger.checks, "turn")
        text = f"Predictions: off by {ledger.error:.1%} of the prompt, the median of {turns}.".replace(
            "%", " %"
        )
    return [Content.styled(piece.plain, QUIET) for piece in Content(text).wrap(width)]
