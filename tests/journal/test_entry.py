"""Names of entries, and what a summary keeps of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.errors import JournalError
from proxy_core.exchange import Bodies
from proxy_core.journal.entry import Entry, Key, new_run, summary_of
from proxy_core.llama.said import Said
from proxy_core.rules import Edit
from proxy_core.verdict import Advice, Diagnosis, Verdict
from tests.journal.kit import entry, whole


@given(st.text(min_size=1).filter(lambda run: run == run.strip()), st.integers(0, 10**18 - 1))
def test_a_name_is_read_as_it_is_spelled(run: str, record: int) -> None:
    assert Key.parse(str(Key(run, record))) == Key(run, record)


@pytest.mark.parametrize(
    "text", ["", "17", "-17", "abc", "abc-", "abc-x", "abc-٣", "abc-1.5", "abc-" + "9" * 19]
)
def test_what_is_no_name_is_said_to_be_none(text: str) -> None:
    with pytest.raises(JournalError) as caught:
        Key.parse(text)
    assert repr(text) in caught.value.message
    assert "3f9a12c4-17" in caught.value.message


def test_runs_have_names_of_their_own() -> None:
    assert len({new_run() for _ in range(100)}) == 100


def test_a_summary_has_no_texts() -> None:
    verdict = Verdict("system changed", "Inbound Context", ("evidence",), (Advice("rule", "r", "why"),), True)
    full = Entry(
        run="r",
        record=1,
        at=1.0,
        edits=(Edit("b", 0, "secret", ""), Edit("a", 1, "secret", "x"), Edit("b", 2, "secret", "")),
        said=Said("secret", "secret"),
        diagnosis=Diagnosis(verdict, lost_n=5, saved_ms=2.5),
        bodies=whole(b"secret", b"secret!"),
    )
    short = summary_of(full)
    assert short.key == full.key == Key("r", 1)
    assert list(short.edited.items()) == [("b", 2), ("a", 1)]
    assert short.verdict == Verdict("system changed", "Inbound Context", predicted=True)
    assert (short.lost_n, short.lost_ms, short.saved_n, short.saved_ms) == (5, None, None, 2.5)
    assert (short.raw_bytes, short.normalized_bytes) == (6, 7)
    assert "secret" not in repr(short)


def test_a_body_that_no_rule_changed_counts_once() -> None:
    same, other = b"x" * 1000, b"y" * 1000
    assert entry(bodies=Bodies(same, other)).size - entry(bodies=Bodies(same, same)).size == 1000
