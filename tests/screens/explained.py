"""Turns with a diagnosis each, as an afternoon with two clients brings them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from proxy_core.board import Board, LaneView, SlotView
from proxy_core.exchange import Exchange, Record
from proxy_core.ledger import Account, Amount, Ledger
from proxy_core.llama.answer import Answer
from proxy_core.llama.turns import Turn
from proxy_core.progress import Progress
from proxy_core.rules import Edit
from proxy_core.verdict import (
    Advice,
    Cause,
    Diagnosis,
    Divergence,
    Excerpt,
    Predicted,
    Verdict,
)

START = 1_771_448_460.0
"""2026-02-18 21:01 UTC."""
MAIN, TITLES, OTHER = "3f9ac21b", "b07d1e55", "11c2aa90"

MIDWAY = Progress(9_100, 19_600, 0.43, 12.0, "log")

ADVISED = "any.tools"
"""A rule of `few_rules` that is advised below."""

MESSAGE_ID = Divergence(
    "changed", "system", 'system, "Inbound Context"', "Inbound Context", 0, (), 1_204,
    Excerpt(
        '## Inbound Context (trusted)\n{\n  "schema": "openclaw.inbound_meta.v1",\n  "message_id": "',
        "775b2410-8917-4fad-af9d-cfcbf526eee8", "9e01c7aa-02d4-4b11-8c8e-5d0e7b6aa1f3", '",', '",',
    ), 12_410, 71_900, 73_200,
)  # fmt: skip
TOOLS = Divergence(
    "reordered", "tools", "tool exec", "reordered: exec, read", None, ("exec", "read"), 0,
    Excerpt('{"name": "', "read", "exec", '", "about": "Reads a file."', '", "about": "Runs a command."'),
    310, 73_200, 74_100,
)  # fmt: skip
EXTENDED = Divergence("extended", shared=73_200, previous_size=73_200, size=74_650)


def turn(
    number: int,
    cause: Cause,
    detail: str = "",
    *,
    reused: int,
    tokens: int,
    lane: str = MAIN,
    client: str = "openclaw",
    lost: int | None = 0,
    saved: int | None = None,
    evidence: tuple[str, ...] = (),
    advice: tuple[Advice, ...] = (),
    **more: Any,
) -> Record:
    """A turn that ended, and what is said about it; `more` is of the Diagnosis."""
    evaluated = tokens - reused
    ms = 2.6 * evaluated
    edits = (Edit("openclaw.message-id", 0, "a", ""),) if saved else ()
    exchange = Exchange(
        "POST", "/v1/chat/completions", "chat", "chat", True, client, "qwen3-coder-next", 2 * number, True,
        "done", 200, lane, ("openclaw.message-id",), edits, total_ms=ms + 3_900.0,
        answer=Answer(tokens, evaluated, reused, ms, 64, 900.0),
    )  # fmt: skip
    logged = Turn(
        slot=0 if lane == MAIN else 1, task=300 + number, selected_by="lcp", sim_best=reused / tokens,
        f_keep=1.0 if cause == "healthy" else 0.18, n_tokens=tokens, end_n=tokens + 64,
    )  # fmt: skip
    known: dict[str, Any] = {
        "predecessor": number - 1 if number > 1 else None,
        "normalized": EXTENDED,
        "raw": EXTENDED,
        "predicted": Predicted(min(reused + 3, tokens - 1), tokens, "structure"),
        "predicted_raw": Predicted(min(reused + 3, tokens - 1), tokens, "structure"),
        "lost_n": lost,
        "lost_ms": None if lost is None else 2.6 * lost,
        "saved_n": saved,
        "saved_ms": None if saved is None else 2.6 * saved,
        **more,
    }
    diagnosis = Diagnosis(Verdict(cause, detail, evidence, advice), **known)
    return Record(number, START + 37.0 * number, exchange, logged, diagnosis=diagnosis)


def system_changed(number: int = 3) -> Record:
    """The client wrote a message id into its system prompt."""
    return turn(
        number, "system changed", "Inbound Context", reused=3_050, tokens=18_204, lost=15_154,
        normalized=MESSAGE_ID, raw=MESSAGE_ID,
        evidence=(
            "sim_best 0.168 and 3 050 reused tokens agree: the slot still held the request before.",
            "The first difference is in the system text, 17 % into the prompt.",
        ),
        advice=(
            Advice("rule", "openclaw.message-id", "Removes ids that change in each request: 97 %, not 17 %."),
            Advice("rule", ADVISED, "Tools come in another order now and then."),
            Advice("flag", "--cache-ram 8192", "The prompt of before stays in memory, should it come again."),
        ),
    )  # fmt: skip


def verdict_of(record: Record) -> Verdict:
    """What is said of a turn that has a diagnosis."""
    assert record.diagnosis is not None
    return record.diagnosis.verdict


def story() -> list[Record]:
    """Every sign once at least, the newest under way."""
    saved: dict[str, Any] = {"raw": MESSAGE_ID, "predicted_raw": Predicted(3_050, 18_700, "structure")}
    records = [
        turn(1, "cold start", reused=0, tokens=17_650, normalized=None, raw=None, predicted=None,
             predicted_raw=None, why_none="It is the first request of its conversation.", lost=None),
        turn(2, "healthy", reused=17_600, tokens=17_990),
        system_changed(3),
        turn(4, "tools changed", "reordered: exec, read", reused=80, tokens=18_300, lost=18_124,
             normalized=TOOLS, raw=TOOLS,
             advice=(Advice("rule", ADVISED, "It sends tools in the order in which they first came."),)),
        turn(5, "cold start", reused=0, tokens=412, lane=TITLES, normalized=None, predicted=None, lost=None,
             why_none="It is the first request of its conversation."),
        turn(6, "rule flipped", "openclaw.message-id", reused=3_010, tokens=18_420, lost=15_200),
        turn(7, "healthy", reused=18_380, tokens=18_610, saved=15_330, **saved),
        turn(8, "slot taken", "by titles", reused=779, tokens=18_700, lost=17_830,
             evidence=("sim_best 0.998, but 4 % reused.", "Request 5 ran in slot 0 meanwhile."),
             advice=(Advice("flag", "-np 2", "Two conversations run, and there is one slot."),)),
        turn(9, "message rewritten", "message 12 (user)", reused=9_000, tokens=18_900, lost=9_700,
             lane=OTHER, client="claude-code"),
        turn(10, "evicted", reused=0, tokens=18_950, lost=18_900, lane=OTHER, client="claude-code"),
        turn(11, "unknown", reused=12_000, tokens=19_000, lost=None),
        turn(12, "healthy", reused=18_950, tokens=19_020, saved=15_900, **saved),
    ]  # fmt: skip
    predicted = system_changed(13)
    assert predicted.diagnosis is not None
    assert predicted.exchange is not None
    unmeasured = replace(
        predicted,
        exchange=replace(predicted.exchange, answer=Answer()),
        turn=None,
        diagnosis=replace(
            predicted.diagnosis,
            verdict=replace(predicted.diagnosis.verdict, predicted=True),
            predecessor=12,
            lost_n=None,
            lost_ms=None,
        ),
    )
    cancelled = Exchange(
        "POST", "/v1/messages", "messages", "messages", True, "claude-code", status="cancelled", lane=OTHER,
        total_ms=812.0,
    )  # fmt: skip
    records += [unmeasured, Record(14, START + 530.0, cancelled)]
    records += [
        turn(15, "healthy", reused=19_020, tokens=19_240, saved=16_020, **saved),
        turn(16, "system changed", "Inbound Context", reused=3_050, tokens=19_400, lost=16_190,
             normalized=MESSAGE_ID, raw=MESSAGE_ID,
             evidence=verdict_of(system_changed()).evidence,
             advice=verdict_of(system_changed()).advice),
    ]  # fmt: skip
    return [*records, running(17)]


def running(number: int, at: Progress | None = MIDWAY) -> Record:
    """A turn whose prompt is being evaluated."""
    exchange = Exchange(
        "POST", "/v1/chat/completions", "chat", "chat", True, "openclaw", "qwen3-coder-next", 34, True,
        "waiting", lane=MAIN,
    )  # fmt: skip
    return Record(number, START + 37.0 * number, exchange, progress=at)


def board() -> Board:
    """Two slots, three conversations."""
    lanes = (
        LaneView(MAIN, "openclaw", "What did the build say about the fl…", "s-1", 0, True, 13,
                 START + 620.0, 19_400, 0.71, verdict_of(system_changed(16))),
        LaneView(OTHER, "claude-code", "Fix the flaky test in tests/lanes", None, 1, True, 3,
                 START + 530.0, 18_950, 0.31, Verdict("evicted")),
        LaneView(TITLES, "openclaw", "Write a title for this conversati…", None, 0, False, 1,
                 START + 185.0, 412, None, Verdict("cold start")),
    )  # fmt: skip
    return Board(lanes, (SlotView(0, None, MAIN, 9_100, True, 0.43, 12.0),
                         SlotView(1, None, OTHER, 19_014, False, None, None)))  # fmt: skip


def ledger() -> Ledger:
    """What the turns above come to."""
    main = Account(11, Amount(47_250, 122_850.0, 3), (
        ("system changed", Amount(31_344, 81_494.0, 2)), ("tools changed", Amount(18_124, 47_122.0, 1)),
        ("slot taken", Amount(17_830, 46_358.0, 1)), ("rule flipped", Amount(15_200, 39_520.0, 1)),
    ))  # fmt: skip
    total = replace(
        main, turns=15, lost=(*main.lost, ("evicted", Amount(18_900, 49_140.0, 1)),
                              ("message rewritten", Amount(9_700, 25_220.0, 1))),
    )  # fmt: skip
    return Ledger(total, ((TITLES, Account(1)), (MAIN, main)), 34, 0.008)
