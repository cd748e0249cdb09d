"""Which turn a turn goes on from, and who ran beside it and in between."""

from __future__ import annotations

from dataclasses import replace

from proxy_core.exchange import Bodies, Exchange, Record
from proxy_core.history import History
from proxy_core.predecessor import Lookup, Predecessor, beside, between

CHAT = Exchange("POST", "/v1/chat/completions", "chat", "chat", True, model="m", status="done", lane="a")


def ran(key: int, at: float, seconds: float | None = 1.0, exchange: Exchange = CHAT) -> Record:
    """A record that arrived then and took so long; None is still under way."""
    if seconds is None:
        return Record(key, at, replace(exchange, status="waiting"))
    return Record(key, at, replace(exchange, total_ms=seconds * 1000))


def found(*records: Record, router: bool = False) -> Predecessor:
    """The predecessor of the last of them."""
    history = History(lambda _: None, records=10, body_bytes=10)
    for record in records:
        assert record.exchange is not None
        key = history.begin(record.exchange, Bodies(b"", b""))
        history._records[key] = record
    return Lookup(history, lambda: router, lambda _: None).find(records[-1])


OTHER = replace(CHAT, lane="b")


def test_the_latest_of_the_lane_goes_on() -> None:
    assert found(ran(1, 10.0), ran(2, 20.0), ran(3, 30.0, exchange=OTHER), ran(4, 40.0)).before == 2


def test_one_that_was_still_being_answered_was_nothing_to_go_on_from() -> None:
    assert found(ran(1, 10.0), ran(2, 20.0, 30.0), ran(3, 21.0)).before == 1
    assert found(ran(1, 10.0), ran(2, 20.0, None), ran(3, 21.0)).before == 1
    assert found(ran(1, 20.0, None), ran(2, 21.0)).before == 1, "better than none"
    # A client may go on before the very last byte.
    assert found(ran(1, 10.0), ran(2, 20.0, 1.1), ran(3, 21.0)).before == 2
    assert found(ran(1, 10.0), ran(2, 20.0, 0.2), ran(3, 20.01)).before == 1


def test_what_the_server_refused_is_passed_over() -> None:
    assert found(ran(1, 10.0), ran(2, 20.0, exchange=replace(CHAT, status="error")), ran(3, 30.0)).before == 1


def test_without_one_it_is_said_why() -> None:
    assert found(ran(1, 10.0)).why_none == "kvconsole saw no earlier request of its conversation"
    odd = replace(CHAT, lane=None)
    assert found(ran(1, 10.0, exchange=odd)).why_none == "kvconsole could not read this prompt"
    raw = replace(odd, api=None)
    assert found(ran(1, 10.0, exchange=raw)).why_none == "kvconsole does not compare prompts of this kind"


def test_another_model_of_a_router_is_named() -> None:
    last = ran(2, 20.0, exchange=replace(CHAT, model="n"))
    assert found(ran(1, 10.0), last, router=True) == Predecessor(1, other_model="m")
    assert found(ran(1, 10.0), last) == Predecessor(1)


def test_who_ran_beside_and_who_ran_between() -> None:
    one, two, three = ran(1, 10.0), ran(2, 20.0, 5.0), ran(3, 21.0, 5.0)
    side, later = ran(4, 22.0, exchange=OTHER), ran(5, 40.0)
    newest = [later, side, three, two, one]
    assert beside(newest, one, two) == {3}
    assert beside(newest, one, three) == {2}
    assert beside(newest, three, later) == set()
    assert between(newest, three, later) == side
    assert between(newest, one, three) is None
