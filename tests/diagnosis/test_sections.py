"""Which section of a text a place lies in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.diagnosis.sections import LONGEST, section
from proxy_core.diff.marks import common_start


def where(previous: str, current: str) -> str:
    old, new = previous.encode(), current.encode()
    return section(old, new, common_start(old, new))


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("# One\na\n## Two\nb {}\n", "Two"),
        ("# One #\n\na\n\nb {}\n", "One"),
        ("# **Bold:**\n{}", "Bold"),
        ("### `web_search`:\nsome {}", "web_search"),
        ("# One\n```sh\n# a comment\nrun {}\n```\n", "One"),
        ("# One\n```sh\n# a comment\n```\nrun {}\n", "One"),
        ("# One\n<env>\nday {}\n</env>", "env"),
        ("# One\n<env>\nday\n</env>\nrun {}", "One"),
        ("<files>\n<file path='a'>\nx {}\n</file></files>", "file"),
        ("<outer>\n<inner>\nx\n</inner>\ny {}", "outer"),
        ("say <b> {}", "“say <b> 1”"),
        ("#channel {}", "“#channel 1”"),
        ("Current time: {}", "Current time"),
        ("- **Current date**: {}", "Current date"),
        ('{{\n"message_id": "{}"', "message_id"),
        ("Status:\n{}", "Status"),
        ("Status:\n\n{}", "“1”"),
        ("It is very much the case that this is so: {}", "“It is very much the case that this is…”"),
        # Clients append such a line to whatever text comes last.
        ("# One\ntext\n\nCurrent date: {}", "Current date"),
        ("# One\n\nCurrent date: {}", "One"),
        ("# One\nZone: UTC\nCurrent date: {}", "One"),
        ("# One\ntext\n\n```json\nkey: {}\n```", "One"),
        ("{}", "“1”"),
        ("# " + "x" * 80 + "\n{}", "x" * (LONGEST - 1) + "…"),
    ],
)
def test_the_nearest_heading_counts(text: str, heading: str) -> None:
    assert where(text.format(1), text.format(2)) == heading


@pytest.mark.parametrize(
    ("previous", "current", "heading"),
    [
        ("# A\na\n# C\nc\n", "# A\na\n# B\nb\n# C\nc\n", "B"),
        ("# A\na\n# B\nb\n# C\nc\n", "# A\na\n# C\nc\n", "B"),
        ("# A\na\n# B\nb", "# A\na\n# D\nd", "D"),
        ("# A\na\n", "# A\na\n# B\nb\n", "B"),
        ("# A\na\n# B\nb\n", "# A\na\n", "B"),
        ("# A\na\n# B\nb\n", "# A\na\nmore\n# B\nb\n", "A"),
        ("# A\na\nmore\n# B\nb\n", "# A\na\n# B\nb\n", "A"),
        ("# A\na\n<env>\nx\n</env>\n", "# A\na\n<tools>\ny\n</tools>\n<env>\nx\n</env>\n", "tools"),
    ],
)
def test_a_section_that_came_or_went_is_named_itself(previous: str, current: str, heading: str) -> None:
    assert where(previous, current) == heading


def test_one_enormous_line_is_no_trouble() -> None:
    line = "é" * 100_000
    assert where(f"# A\n{line}1", f"# A\n{line}2").endswith("…”")


def test_an_endless_line_is_named_by_what_stands_before_the_place() -> None:
    line = "Rule 7: keep off the pier. " * 4_000
    found = where(f"{line}The request id is 17.", f"{line}The request id is 18.")
    assert found == "“…off the pier. The request id is 1…”"
    assert len(where(f"{'é' * 100_000}1", f"{'é' * 100_000}2")) <= LONGEST


@given(
    st.text('#<>/a: `\né*"', max_size=40),
    st.text('#<>/a: `\né*"', max_size=40),
    st.text("#a\n<>:", max_size=9),
)
def test_any_texts_have_a_section_or_none(shared: str, one: str, other: str) -> None:
    found = where(shared + one, shared + other)
    assert len(found) <= LONGEST
    assert "\n" not in found
