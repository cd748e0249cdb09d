"""HAR: there and back, as others write it, and what is broken."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy_core.captures import har
from proxy_core.captures.captured import Answered, Captured, Figures, Passed
from proxy_core.llama.said import Said
from tests.captures.kit import PATIENT, Json, captures, read, request, stream


def _har(*entries: Json) -> bytes:
    return json.dumps({"log": {"version": "1.2", "pages": [{"a": '"]}'}], "entries": list(entries)}}).encode()


def _entry(url: str = "https://h:1/v1/chat/completions", body: Any = '{"messages":[]}', **more: Any) -> Json:
    request: Json = {"method": "POST", "url": url}
    request["headers"] = [{"name": "Authorization", "value": "Bearer x"}]
    if body is not None:
        request["postData"] = {"mimeType": "application/json", "text": body}
    return {"startedDateTime": "2026-02-18T20:48:11.500Z", "time": 12.5, "request": request} | more


@PATIENT
@given(st.lists(captures(), max_size=3))
def test_every_request_comes_back_as_it_was(several: list[Captured]) -> None:
    data = b"".join(har.write(several))
    found, told = read(har.read, data)
    assert not told
    for was, now in zip(several, found, strict=True):
        assert now == _moved(was, now)


def _moved(was: Captured, now: Captured) -> Captured:
    """The request, found in another place."""
    return type(was)(**{name: getattr(was, name) for name in was.__struct_fields__} | {"place": now.place})


@PATIENT
@given(st.lists(captures(), max_size=2))
def test_it_has_all_that_har_asks_for(several: list[Captured]) -> None:
    log = json.loads(b"".join(har.write(several)))["log"]
    assert log["version"] == "1.2"
    assert log["creator"]["name"] == "kvconsole"
    for entry, one in zip(log["entries"], several, strict=True):
        assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= set(entry)
        asked, answered = entry["request"], entry["response"]
        common = {"httpVersion", "cookies", "headers", "headersSize", "bodySize"}
        assert common | {"method", "url", "queryString", "postData"} <= set(asked)
        assert common | {"status", "statusText", "content", "redirectURL"} <= set(answered)
        assert {"size", "mimeType"} <= set(answered["content"])
        assert {"mimeType", "text", "params"} <= set(asked["postData"])
        assert {"send", "wait", "receive"} <= set(entry["timings"])
        assert entry["timings"]["wait"] == entry["time"]
        assert asked["bodySize"] == len(one.body)
        assert asked["url"].startswith("http://localhost/")


def test_what_was_put_together_stands_where_others_look_for_the_answer() -> None:
    one = request({"messages": []}, answer=Answered(200, "", None, Said("Hello.")))
    (entry,) = json.loads(b"".join(har.write([one])))["log"]["entries"]
    assert entry["response"]["content"]["text"] == "Hello."


def test_one_of_a_browser() -> None:
    answer = {
        "status": 200,
        "content": {"mimeType": "application/json", "text": "eyJhIjoxfQ==", "encoding": "base64"},
    }
    data = _har(
        _entry("https://h/static/app.js", None),
        _entry(body='{"messages":["ü"]}', response=answer),
    )
    (found,), told = read(har.read, data)
    assert not told
    assert found.body == '{"messages":["ü"]}'.encode()
    assert (found.api, found.path, found.at) == ("chat", "/v1/chat/completions", 1771447691.5)
    assert found.answer == Answered(200, "application/json", b'{"a":1}')
    assert found.figures == Figures(total_ms=12.5)
    assert found.headers == {}
    assert found.place.number == 2


def test_what_is_no_request_to_a_model_is_passed() -> None:
    (entry,) = har.read(stream(_har(_entry("https://h/static/app.js", None))))
    assert isinstance(entry, Passed)


def test_a_broken_entry_costs_no_other() -> None:
    data = _har(_entry(body=None), {"request": 1}, _entry("https://[/v1/messages"), _entry())
    found, told = read(har.read, data)
    assert [one.place.number for one in found] == [4]
    assert [problem.place.number for problem in told] == [1, 2, 3]
    assert "holds no body" in told[0].message


def test_one_that_is_cut_short_gives_what_is_there() -> None:
    data = _har(_entry(), _entry())
    found, (problem,) = read(har.read, data[: data.rindex(b"postData")])
    assert len(found) == 1
    assert problem.place.number == 2
    assert "ends" in problem.message


def test_one_without_entries_says_so() -> None:
    _, (problem,) = read(har.read, b'{"log": {"version": "1.2"}}')
    assert '"entries"' in problem.message


def test_times_that_are_none_are_unknown() -> None:
    (found,), _ = read(har.read, _har(_entry(startedDateTime="yesterday", time=-1)))
    assert found.at is None
    assert found.figures is None
