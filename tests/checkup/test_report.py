"""All checks together."""

from __future__ import annotations

import pkgutil
from typing import get_args

import pytest

from proxy_core.checkup import checks, report
from proxy_core.checkup.findings import AREAS, Finding
from proxy_core.checkup.setup import Kind, Listener, Setup
from proxy_core.llama.facts import State, Upstream
from tests.checkup.kit import URL, setup


def test_all_is_well() -> None:
    findings = report.examine(setup())
    assert {finding.level for finding in findings} <= {"ok", "unknown"}
    assert [finding.do for finding in findings if finding.level == "ok"] == [""] * sum(
        finding.level == "ok" for finding in findings
    )


def test_every_check_is_asked() -> None:
    modules = [name for _, name, _ in pkgutil.iter_modules(checks.__path__, f"{checks.__name__}.")]
    written = {
        (module, name)
        for module in modules
        for name in dir(__import__(module, fromlist=["x"]))
        if name.startswith("check_")
    }
    asked = [(check.__module__, check.__name__) for checks in report.CHECKS.values() for check in checks]
    assert sorted(asked) == sorted(written)


def test_areas_come_in_their_order() -> None:
    assert tuple(report.CHECKS) == AREAS
    order = [AREAS.index(finding.area) for finding in report.examine(setup())]
    assert order == sorted(order)


def test_with_nothing_at_all() -> None:
    bare = Setup(settings=setup().settings, upstream=URL, server=Upstream(URL, "down", reason="nobody"))
    levels = {(finding.area, finding.name): finding.level for finding in report.examine(bare)}
    assert levels[("server", "reachable")] == "problem"
    assert levels[("log", "given")] == "hint"
    assert levels[("proxy", "listen")] == "hint"


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("state", get_args(State))
def test_each_finding_is_a_sentence_that_says_what_to_do(kind: Kind, state: State) -> None:
    listener = Listener(kind)
    made = setup(at_upstream=listener, at_listen=listener, server=Upstream(URL, state), logs=())
    for finding in report.examine(made):
        assert finding.saw.endswith("."), finding
        assert (
            finding.saw[0].isupper()
            or finding.saw[0] in "/-0123456789"
            or finding.saw.startswith(("llama-server", "kvconsole"))
        ), finding
        assert finding.do or finding.level in ("ok", "unknown"), finding


def test_a_check_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def check_nothing(_made: Setup) -> list[Finding]:
        raise RuntimeError("boom")

    monkeypatch.setattr(report, "CHECKS", {"log": (check_nothing,)})
    assert report.examine(setup()) == [
        Finding("log", "nothing", "unknown", "This could not be checked: RuntimeError: boom.")
    ]
