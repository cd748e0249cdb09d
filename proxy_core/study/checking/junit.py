"""A check as JUnit XML, as far as GitLab, Jenkins and the report actions of GitHub read the same.

Attributes and elements: https://docs.gitlab.com/ci/testing/unit_test_reports and Jenkins' xUnit schema. There
is no time in it, so that equal input gives equal bytes. GitLab shows an element's text and no `message`, so
the text says all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from proxy_core import __version__
from proxy_core.study.checking import words
from proxy_core.study.checking.report import Report, Spot, Turn
from proxy_core.visible import visible

_NAME = "kvconsole check"
_NO_XML = re.compile("[^\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, however they are written."""


def write(report: Report) -> bytes:
    """The report as UTF-8, with an XML declaration."""
    failures, skipped = len(report.of("fail")), len(report.of("allowed"))
    nothing = not report.turns
    counts = {
        "tests": len(report.turns) + len(report.unread) + nothing,
        "failures": failures + nothing,
        "errors": len(report.unread),
        "skipped": skipped,
    }
    told = {name: str(number) for name, number in counts.items()}
    root = Xml.Element("testsuites", {"name": _NAME, **told})
    suite = Xml.SubElement(root, "testsuite", {"name": _NAME, **told})
    _properties(suite, report)
    for turn in report.turns:
        _turn(suite, turn, report.wanted.min_reuse)
    for unread in report.unread:
        case = _case(suite, unread.spot, "not checked")
        _told(case, "error", "the request could not be read", "unread", [unread.reason])
    if nothing:
        case = Xml.SubElement(suite, "testcase", {"classname": _NAME, "name": "something is compared"})
        _told(case, "failure", words.nothing(report), "nothing", [])
    lines = [words.result(report), words.not_compared(report), words.not_checked(report)]
    Xml.SubElement(suite, "system-out").text = _clean("\n".join(filter(None, lines)))
    Xml.indent(root)
    text: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _properties(suite: Xml.Element, report: Report) -> None:
    properties = Xml.SubElement(suite, "properties")
    wanted = report.wanted
    for name, value in (
        ("kvconsole", __version__),
        ("mode", "raw" if wanted.raw else "forwarded"),
        ("min_reuse", f"{wanted.min_reuse:g}"),
        ("allow", ", ".join(sorted(wanted.allow))),
        ("measure", str(report.settings.get("measure", ""))),
    ):
        Xml.SubElement(properties, "property", {"name": name, "value": _clean(value)})


def _turn(suite: Xml.Element, turn: Turn, min_reuse: float) -> None:
    case = _case(suite, turn.spot, f"conversation {turn.lane}")
    if turn.result == "allowed":
        Xml.SubElement(case, "skipped", {"message": _clean(f"allowed: {words.headline(turn)}")})
    elif turn.result == "fail":
        lines = [words.sentence(turn, min_reuse), *words.excerpt_lines(turn.excerpt)]
        _told(case, "failure", words.headline(turn), turn.cause or "reuse", lines)


def _case(suite: Xml.Element, spot: Spot, group: str) -> Xml.Element:
    told = {"classname": _clean(group), "name": _clean(spot.place)}
    if spot.file is not None:
        told["file"] = _clean(spot.file)
    return Xml.SubElement(suite, "testcase", told)


def _told(case: Xml.Element, tag: str, message: str, kind: str, lines: Sequence[str]) -> None:
    message = _clean(message)
    element = Xml.SubElement(case, tag, {"message": message.replace("\n", " "), "type": kind})
    element.text = "\n".join([message, *map(_clean, lines)])


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", visible(text))
