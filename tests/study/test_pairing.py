from __future__ import annotations

from proxy_core.study.pairing import pairs
from tests.captures.kit import chat, request
from tests.study.test_steps import captured


def test_each_request_comes_with_the_one_before_it() -> None:
    found = list(pairs(captured("openclaw-c")))
    assert found[0].previous is None
    assert [pair.previous for pair in found[1:]] == [pair.current for pair in found[:-1]]
    assert {pair.lane for pair in found} == {"c1"}
    assert sum(pair.parts for pair in found) == 3


def test_what_goes_on_or_is_asked_again_does_not_part() -> None:
    said = ["Hi", "Hello", "Bye"]
    requests = [request(chat("Be brief.", *said[:most])) for most in (1, 3, 3, 1)]
    assert not any(pair.parts for pair in pairs(requests))


def test_what_cannot_be_compared_does_not_part() -> None:
    one, two = request(chat("Be brief.", "Hi"), lane="a"), request(b'{"messages": [', lane="a")
    assert not any(pair.parts for pair in pairs([one, two]))
