"""Words for what was found."""

from __future__ import annotations

from typing import get_args

from proxy_core.diagnosis.words import BECAME
from proxy_core.verdict import How


def test_there_are_words_for_all_that_can_become_of_a_component() -> None:
    assert set(BECAME) == set(get_args(How))
