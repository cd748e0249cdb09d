"""The page: foreign text is text, and nothing is loaded from anywhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy_core.captures import html_page
from proxy_core.captures.bundle import Bundle, bundle
from proxy_core.captures.captured import Captured, Figures, Finding, Hint
from tests.captures.kit import PATIENT, TEXT, captures, chat, request

_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "article", "footer"),
    *("h1", "h2", "h3", "p", "strong", "div", "ul", "li", "code", "pre", "span", "i", "b", "mark"),
    *("table", "caption", "tr", "th", "td", "details", "summary", "meter"),
}
_HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "</style><img src=x onerror=alert(1)>",
        "\"'><a href='javascript:x'>",
        "<!-- ",
        "&lt;b&gt;",
        "]]>",
        "\x1b[31m\u202e",
        "http://example.org/x.png",
    ]
)


class _Page(HTMLParser):
    """Notes each element, and fails on what the page has no use for."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _TAGS
        names = {name for name, _ in attrs}
        assert names <= {"class", "lang", "charset", "http-equiv", "content", "name", "scope", "value"}
        if tag not in ("meta", "li", "tr", "th", "td"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)


def _read(*bundles: Bundle, note: str | None = None) -> str:
    page = "".join(html_page.write(bundles, note))
    parser = _Page()
    parser.feed(page)
    parser.close()
    assert not parser.open
    assert (
        not re.search(r"url\(|@import|<link|<script|\bsrc=|\bhref=", page.replace("&", " &"))
        or "&lt;" in page
    )
    return "".join(parser.texts)


@PATIENT
@given(_HOSTILE | TEXT, _HOSTILE | TEXT, st.booleans())
def test_foreign_text_is_text(was: str, now: str, swap: bool) -> None:
    finding = Finding(was, now, evidence=(was,), advice=(Hint(now, was),))
    told: dict[str, Any] = {
        "client": was,
        "lane": now,
        "id": was,
        "server": now,
        "note": was,
        "headers": {"user-agent": now},
    }
    body = chat(f"Be brief.\n{was}\nBe good.", was, tools=[{"type": "function", "function": {"name": now}}])
    other = chat(f"Be brief.\n{now}\nBe good.", now, was)
    first, second = (request(one, finding=finding, path=f"/v1/x?{was}", **told) for one in (body, other))
    pair = bundle(*((first, second) if swap else (second, first)))
    _read(pair, note=was)


@PATIENT
@given(st.lists(captures(), max_size=2), st.none() | captures())
def test_any_requests_make_a_page(several: list[Captured], previous: Captured | None) -> None:
    _read(*(bundle(one, previous) for one in several))


def test_it_tells_what_there_is_to_tell() -> None:
    finding = Finding(
        "system changed",
        "Clock",
        "client",
        evidence=("It changed.",),
        advice=(Hint("any.clock", "It helps."),),
    )
    figures = Figures(prompt_tokens=1000, cached_n=250)
    was = request(chat("Clock: 20:48\nBe brief.", *["x"] * 9))
    now = request(
        chat("Clock: 20:49\nBe brief.", *["x"] * 9), finding=finding, figures=figures, server="b11549"
    )
    now = replace(now, edited={"any.clock": 3}, ruleset="77aa")
    page = "".join(html_page.write([bundle(now, was)], "Secrets are masked."))
    text = _read(bundle(now, was), note="Secrets are masked.")
    for wanted in (
        "system changed: Clock",
        "the client's doing",
        "b11549",
        "250 (25 %)",
        "25 % of 1 000 prompt tokens reused",
        "3 edits",
        "77aa",
        "It changed.",
        "any.clock",
        "Secrets are masked.",
        "unchanged",
    ):
        assert wanted in text
    assert "<mark>8</mark>" in page
    assert "<mark>9</mark>" in page
    assert '<meter value="0.250">' in page
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert not re.search(r"url\(|@import|//", page.partition("</style>")[0].partition("<style>")[2])


def test_what_is_folded_is_there_too() -> None:
    was, now = (request(chat("a", *[f"message {n}" for n in range(20)], at)) for at in ("x", "y"))
    assert "message 7" in _read(bundle(now, was))


def test_a_request_without_a_predecessor_is_shown_by_itself() -> None:
    text = _read(bundle(request(chat("Be <b>brief</b>.", "Hi")), None))
    assert "no earlier request" in text
    assert "Be <b>brief</b>." in text


def test_what_did_not_change_is_written_once_and_folded() -> None:
    text = "\n".join(f"line {n} of a long system text" for n in range(20_000))
    was, now = (request(chat(f"Clock: {minute}\n{text}", "Hi")) for minute in (48, 49))
    page = "".join(html_page.write([bundle(now, was)]))
    assert page.count("line 777 of") == 1
    assert page.index("<details>") < page.index("line 777 of")
    assert len(page) < 1.2 * len(was.body)


def test_requests_of_different_apis_are_shown_as_texts() -> None:
    was = request(b'{"model":"m","input":"Hi","instructions":"Be brief."}', api="responses")
    text = _read(bundle(request(chat("Be kind.", "Hi")), was))
    assert "different APIs (responses, chat)" in text
    assert "Be brief." in text
