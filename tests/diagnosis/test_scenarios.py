"""A scenario per verdict on a real llama-server: cause, component, position, and that predictions hold."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from proxy_core.board import Board
from proxy_core.events import BoardChanged, LedgerChanged
from proxy_core.exchange import Record
from proxy_core.ledger import Ledger
from proxy_core.verdict import Divergence
from tests.diagnosis.scenes import (
    EXACT,
    Scene,
    flags,
    headline,
    house,
    loop,
    off_by,
    scene,
    talk,
    tool,
    verdict,
    words,
)
from tests.real_llama import LlamaFactory, running_llama, stop
from tests.rules.talk import assistant, system, user
from tests.running import asked

TOOLS = [tool("read"), tool("write"), tool("exec"), tool("search")]


@pytest.fixture
def one_slot(llama_factory: LlamaFactory) -> Iterator[Scene]:
    """A server with one slot and no host cache."""
    server = llama_factory(cache_ram=0, threads=1)
    with scene(server.url, server.log_path) as found:
        yield found


def parted(record: Record) -> Divergence:
    assert record.diagnosis is not None
    assert record.diagnosis.normalized is not None
    return record.diagnosis.normalized


def lost(record: Record) -> int:
    assert record.diagnosis is not None
    return record.diagnosis.lost_n or 0


def test_a_conversation_begins_cold_and_goes_on_healthy(one_slot: Scene) -> None:
    first, second = one_slot.ask(talk(1)), one_slot.ask(talk(2))
    assert headline(first) == "cold start"
    assert first.diagnosis is not None
    assert first.diagnosis.predecessor is None
    assert first.diagnosis.why_none
    assert headline(second) == "healthy"
    assert second.diagnosis is not None
    assert second.diagnosis.predecessor == first.id
    assert parted(second).how == "extended"
    assert off_by(one_slot.counted(second), second) <= EXACT
    assert lost(second) == 0


def test_the_very_same_prompt_is_healthy(one_slot: Scene) -> None:
    one_slot.ask(talk(2))
    again = one_slot.ask(talk(2))
    assert headline(again) == "healthy"
    assert again.prompt_n == 1, "one token is always evaluated"
    assert off_by(one_slot.counted(again), again) <= EXACT


@pytest.mark.parametrize("heading", ["Inbound Context", "Runtime"])
def test_a_section_that_changed_is_named_by_its_heading(one_slot: Scene, heading: str) -> None:
    key = heading.replace(" ", "_")
    old, new = house(**{key: "At 20:48."}), house(**{key: "At 20:51."})
    one_slot.ask(talk(1, old))
    record = one_slot.ask(talk(2, new))
    assert headline(record) == f"system changed: {heading}"
    found = parted(record)
    assert (found.part, found.message, found.offset) == ("system", 0, new.index("51."))
    assert found.excerpt is not None
    assert (found.excerpt.previous, found.excerpt.current) == ("48", "51")
    assert off_by(one_slot.counted(record), record) <= EXACT
    assert lost(record) > 100
    assert verdict(record).side == "client"


@pytest.mark.parametrize(
    ("now", "how", "names"),
    [
        ([TOOLS[0], TOOLS[2], TOOLS[1], TOOLS[3]], "reordered", {"exec", "write"}),
        ([*TOOLS[:2], tool("browse"), *TOOLS[2:]], "added", {"browse"}),
        ([TOOLS[0], *TOOLS[2:]], "removed", {"write"}),
        ([*TOOLS[:2], tool("exec", "Runs a command at 20:51. " * 10), TOOLS[3]], "redescribed", {"exec"}),
    ],
)
def test_tools_that_changed_are_named(
    one_slot: Scene, now: list[dict[str, object]], how: str, names: set[str]
) -> None:
    one_slot.ask(talk(1), TOOLS)
    record = one_slot.ask(talk(2), now)
    found = parted(record)
    assert (verdict(record).cause, found.part, found.how) == ("tools changed", "tools", how)
    assert found.names
    assert set(found.names) <= names
    assert how in verdict(record).detail
    assert off_by(one_slot.counted(record), record) <= EXACT
    assert lost(record) > 100


def test_a_message_that_was_rewritten_is_named_with_the_place(one_slot: Scene) -> None:
    before = talk(3)
    now = [*before[:3], user(f"Question 2: {words(4)} But {words(4)}"), *before[4:]]
    one_slot.ask(before)
    record = one_slot.ask([*now, assistant("So."), user("And?")])
    found = parted(record)
    assert (verdict(record).cause, found.message) == ("message rewritten", 3)
    assert found.offset == len(f"Question 2: {words(4)} ")
    assert off_by(one_slot.counted(record), record) <= EXACT


def test_tool_output_that_was_cleared_is_a_pruned_history(one_slot: Scene) -> None:
    outputs = [words(60, f"room {number}") for number in range(4)]
    one_slot.ask(loop(outputs))
    cleared = loop(["[Old tool result content cleared]", *outputs[1:]])
    record = one_slot.ask([*cleared, assistant("Done."), user("And?")])
    found = parted(record)
    assert (verdict(record).cause, found.how, found.message) == ("history pruned", "pruned", 3)
    assert off_by(one_slot.counted(record), record) <= EXACT
    assert lost(record) > 300
    assert "--cache-reuse 256" in flags(record)


def test_messages_that_are_missing_are_a_pruned_history(one_slot: Scene) -> None:
    before = talk(5)
    one_slot.ask(before)
    record = one_slot.ask([before[0], *before[3:], assistant("So."), user("And?")])
    assert (verdict(record).cause, parted(record).message) == ("history pruned", 1)
    assert off_by(one_slot.counted(record), record) <= EXACT


def test_messages_that_gave_way_to_a_summary_are_a_compacted_history(one_slot: Scene) -> None:
    before = talk(6)
    one_slot.ask(before)
    summary = user(f"This session is a summary of the conversation so far. {words(6)}")
    record = one_slot.ask([before[0], summary, assistant("I see."), before[-1]])
    assert (verdict(record).cause, parted(record).message) == ("history compacted", 1)
    assert off_by(one_slot.counted(record), record) <= EXACT


def test_thoughts_that_the_client_dropped_are_named(one_slot: Scene) -> None:
    outputs = [words(40, f"room {number}") for number in range(3)]
    one_slot.ask(loop(outputs, thoughts=True))
    record = one_slot.ask([*loop(outputs), assistant("Done."), user("And?")])
    found = parted(record)
    assert (found.how, found.message) == ("reasoning", 2)
    assert verdict(record).cause == "reasoning dropped"
    assert "--reasoning-preserve" in flags(record)
    assert off_by(one_slot.counted(record), record) <= EXACT


def test_a_rule_that_was_switched_is_named(llama_factory: LlamaFactory) -> None:
    server = llama_factory(cache_ram=0, threads=1)
    first, second = (
        system(f"Current date: {clock}\n{house()}")
        for clock in ("2026-02-18 20:48:11", "2026-02-18 20:51:12")
    )
    with scene(server.url, server.log_path, rules=True) as on:
        on.ask([first, user("Hi.")])
        kept = on.ask([second, user("Hi."), assistant("Yes?"), user("More.")])
        assert headline(kept) == "healthy"
        assert kept.diagnosis is not None
        assert kept.diagnosis.saved_n, "without the rule, all would have been read again"
        on.run.engine.set_rule("any.clock", False)
        record = on.ask([second, *talk(2)[1:]])
        assert headline(record).startswith("rule flipped: any.clock")
        assert verdict(record).side == "rules"


def test_what_rules_would_have_kept_is_advised(one_slot: Scene) -> None:
    first, second = (f"Current date: 2026-02-18 20:{minute}:11\n{house()}" for minute in (48, 51))
    one_slot.ask(talk(1, first))
    record = one_slot.ask(talk(2, second))
    assert verdict(record).cause == "system changed"
    told = one_slot.when(
        record, lambda d: any(a.kind == "kvconsole" and a.what == "b" for a in d.verdict.advice), "the advice"
    )
    assert told.saved_n in (0, None)


def test_a_side_request_that_took_the_only_slot_is_named(llama_factory: LlamaFactory) -> None:
    # Only at this verbosity the log tells that there is no host cache.
    server = llama_factory(cache_ram=0, verbosity=4, threads=1)
    with scene(server.url, server.log_path) as found:
        found.ask(talk(2))
        side = found.ask([user(f"Write a title. {words(30, 'title')}")], session="side")
        record = found.ask(talk(3))
    assert side.exchange is not None
    assert verdict(record).cause == "slot taken"
    assert "“Write a title." in verdict(record).detail
    assert f"Request {side.id} ran in slot 0" in verdict(record).evidence[0]
    assert verdict(record).side == "server"
    assert record.cached_n is not None
    assert record.cached_n < 50
    assert lost(record) > 1000
    assert "--cache-ram 8192" in flags(record)


def test_of_two_slots_a_third_conversation_takes_the_older(llama_factory: LlamaFactory) -> None:
    server = llama_factory(parallel=2, cache_ram=0, verbosity=4, threads=1)
    with scene(server.url, server.log_path) as two:
        mine = two.ask(talk(2))
        two.ask([user(f"First. {words(30, 'first')}")], session="first")
        thief = two.ask([user(f"Second. {words(30, 'second')}")], session="second")
        assert mine.turn is not None
        assert thief.turn is not None
        assert thief.turn.slot == mine.turn.slot
        assert thief.exchange is not None
        record = two.ask(talk(3))
        assert verdict(record).cause == "slot taken"
        assert "“Second." in verdict(record).detail
        assert f"Request {thief.id} ran in slot {thief.turn.slot}" in verdict(record).evidence[0]


def test_two_slots_keep_two_conversations(llama_factory: LlamaFactory) -> None:
    server = llama_factory(parallel=2, cache_ram=0, threads=1)
    with scene(server.url, server.log_path) as two:
        first = two.ask(talk(2))
        other = two.ask([user(f"Write a title. {words(30, 'title')}")], session="side")
        assert first.turn is not None
        assert other.turn is not None
        assert first.turn.slot != other.turn.slot
        record = two.ask(talk(3))
        assert headline(record) == "healthy"
        assert off_by(two.counted(record), record) <= EXACT


def test_the_host_cache_gives_back_what_a_side_request_pushed_out(llama_factory: LlamaFactory) -> None:
    server = llama_factory(threads=1)
    with scene(server.url, server.log_path) as ram:
        ram.ask(talk(2))
        ram.ask([user(f"Write a title. {words(30, 'title')}")], session="side")
        record = ram.ask(talk(3))
        assert headline(record) == "healthy"
        assert off_by(ram.counted(record), record) <= EXACT


def test_a_small_host_cache_evicts(llama_factory: LlamaFactory) -> None:
    server = llama_factory(cache_ram=1, verbosity=4, threads=1)
    with scene(server.url, server.log_path) as small:
        small.ask(talk(2))
        for number in range(4):
            small.ask([user(f"{number}. {words(250, f'title {number}')}")], session=f"side {number}")
        record = small.ask(talk(3))
        assert verdict(record).cause == "evicted"
        assert verdict(record).side == "server"
        assert any("--cache-ram" in flag for flag in flags(record))


def test_a_restart_loses_the_cache(llama_factory: LlamaFactory) -> None:
    server = llama_factory(cache_ram=0, threads=1)
    with scene(server.url, server.log_path) as found:
        found.ask(talk(2))
        stop(server.process)
        port = int(server.url.rpartition(":")[2])
        with running_llama(server.log_path, port=port, cache_ram=0, threads=1):
            record = found.ask(talk(3))
            assert verdict(record).cause == "cache lost"
            assert verdict(record).side == "server"
            assert record.cached_n == 0


def test_a_client_that_went_away_is_a_cancelled_turn(llama_factory: LlamaFactory) -> None:
    server = llama_factory(cache_ram=0, threads=1)
    with scene(server.url, server.log_path) as found:
        body = {"messages": talk(3), "stream": True, "max_tokens": 4000}
        with asked(
            found.run, "POST", "/v1/chat/completions", json.dumps(body).encode(), [("X-Session-Id", "main")]
        ) as client:
            client.getresponse().readline()
        gone = found.explained(logged=False)
        assert headline(gone).startswith("cancelled")
        assert verdict(gone).side == "client"
        record = found.ask(talk(4))
        assert record.diagnosis is not None
        assert record.diagnosis.predecessor == gone.id
        assert verdict(record).cause == "healthy"


def spoken(path: str, text: str, turns: int) -> dict[str, object]:
    """The same conversation in another API."""
    said = talk(turns, text)[1:]
    if path == "/v1/messages":
        return {"model": "tiny", "max_tokens": 4, "system": text, "messages": said}
    items = [
        {"type": "message", "role": m["role"], "content": [{"type": f"{way}_text", "text": m["content"]}]}
        for m in said
        for way in ("output" if m["role"] == "assistant" else "input",)
    ]
    return {"model": "tiny", "max_output_tokens": 4, "instructions": text, "input": items}


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_the_other_apis_are_explained_alike(one_slot: Scene, path: str) -> None:
    old, new = house(Inbound_Context="At 20:48."), house(Inbound_Context="At 20:51.")
    one_slot.send(path, spoken(path, old, 1))
    healthy = one_slot.send(path, spoken(path, old, 2))
    assert headline(healthy) == "healthy"
    assert off_by(one_slot.counted(healthy), healthy) <= EXACT
    record = one_slot.send(path, spoken(path, new, 3))
    assert headline(record) == "system changed: Inbound Context"
    assert (parted(record).message, parted(record).offset) == (None, new.index("51."))
    assert off_by(one_slot.counted(record), record) <= EXACT


def test_an_older_question_that_was_asked_anew_is_compared_with_the_conversation_it_leaves(
    one_slot: Scene,
) -> None:
    first = one_slot.ask(talk(5))
    record = one_slot.ask([*talk(5)[:3], user("Something else entirely.")])
    assert record.exchange is not None
    assert first.exchange is not None
    assert record.exchange.lane != first.exchange.lane
    assert record.diagnosis is not None
    assert record.diagnosis.predecessor == first.id
    assert (parted(record).part, parted(record).message) == ("message", 3)
    assert off_by(one_slot.counted(record), record) <= EXACT


def test_switching_all_rules_off_names_the_one_that_mattered(llama_factory: LlamaFactory) -> None:
    server = llama_factory(cache_ram=0, threads=1)
    text = f"Current date: 2026-02-18 20:48:11\n{house()}"
    with scene(server.url, server.log_path, rules=True) as on:
        on.ask(talk(1, text))
        on.run.engine.set_bypass(True)
        record = on.ask(talk(2, text))
        assert headline(record) == "rule flipped: any.clock"


def test_the_ledger_and_the_board_tell_what_happened(one_slot: Scene) -> None:
    first = one_slot.ask(talk(2))
    side = one_slot.ask([user(f"Write a title. {words(30, 'title')}")], session="side")
    record = one_slot.ask(talk(3))
    run = one_slot.run
    assert first.exchange is not None
    assert side.exchange is not None
    main, other = first.exchange.lane, side.exchange.lane
    assert main is not None
    assert other is not None

    def booked() -> Ledger | None:
        told = [event.ledger for event in run.of(LedgerChanged)]
        return told[-1] if told and told[-1].total.turns == 3 else None

    ledger = run.wait_for(booked, "the ledger")
    [(cause, amount)] = ledger.total.lost
    assert (cause, amount.tokens, amount.turns) == (verdict(record).cause, lost(record), 1)
    assert amount.ms > 0
    assert [lane for lane, _ in ledger.lanes] == [other, main], "the latest used last"
    assert dict(ledger.lanes)[main].lost == ledger.total.lost

    def told() -> Board | None:
        boards = [event.board for event in run.of(BoardChanged)]
        done = boards and boards[-1].lanes and boards[-1].lanes[0].requests == 2
        return boards[-1] if done and not boards[-1].slots[0].busy else None

    board = run.wait_for(told, "the board")
    assert [(slot.id, slot.lane) for slot in board.slots] == [(0, main)]
    assert [(view.id, view.holds, view.slot) for view in board.lanes] == [(main, True, 0), (other, False, 0)]
    assert [view.label for view in board.lanes] == [
        "Question 1: This is sentence 0 on the m…",
        "Write a title. This is sentence 0 on th…",
    ]
    assert board.lanes[0].tokens == record.prompt_tokens
    assert board.lanes[0].verdict is not None
    assert board.lanes[0].verdict.headline == headline(record)
    assert board.lanes[0].reused == record.reused
