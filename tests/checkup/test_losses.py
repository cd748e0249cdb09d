"""What made turns cold."""

from __future__ import annotations

import pytest

from proxy_core.checkup.checks.losses import check_losses
from proxy_core.checkup.setup import Loss, Said
from proxy_core.verdict import CAUSES, Cause
from tests.checkup.kit import only, proxy, request, setup, told


def test_nothing_is_known_yet() -> None:
    assert told(check_losses, setup(proxy=None)) == []
    assert told(check_losses, setup(proxy=proxy(turns=0))) == []


def test_now_and_then_is_no_habit() -> None:
    found = only(check_losses, setup(proxy=proxy(turns=40, losses=(Loss("evicted", 90_000, 2),))))
    saw = "In 40 turns, 90,000 tokens were lost; no cause came more than twice."
    assert (found.level, found.saw) == ("ok", saw)
    assert only(check_losses, setup(proxy=proxy(turns=40))).saw == "In 40 turns, nothing was lost."


def test_the_worst_is_named() -> None:
    losses = (Loss("evicted", 1000, 5), Loss("system changed", 3000, 3), Loss("cancelled", 9000, 1))
    found = only(check_losses, setup(proxy=proxy(turns=40, losses=losses)))
    assert found.level == "hint"
    assert found.saw == "In 3 of 40 turns 3,000 tokens were lost, 23 % of all that was: system changed."
    assert "e on such a turn" in found.do


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_something_to_do(cause: Cause) -> None:
    found = only(check_losses, setup(proxy=proxy(turns=9, losses=(Loss(cause, 10, 9),))))
    assert found.saw == f"In 9 of 9 turns 10 tokens were lost: {cause}."
    assert found.do


def test_what_it_was_most_often() -> None:
    verdicts = [Said("system changed", detail) for detail in ("Clock", "Clock\x1b", "Clock", "Tools")]
    requests = [request(verdict=verdict) for verdict in [*verdicts, *[Said("evicted", "x")] * 9, None]]
    made = setup(proxy=proxy(*requests, turns=9, losses=(Loss("system changed", 10, 9),)))
    assert only(check_losses, made).saw.endswith("system changed (Clock).")


def test_the_server_is_told_by_its_flags() -> None:
    taken = setup(proxy=proxy(turns=9, losses=(Loss("slot taken", 10, 9),)))
    assert "-np" in only(check_losses, taken).do
