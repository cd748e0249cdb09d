"""Runs of a verb in this process, and a journal for it to read."""

from __future__ import annotations

from typing import Any, NamedTuple

import click
from click.testing import CliRunner

from console.cli import cli
from proxy_core import paths
from proxy_core.diagnosis.by_prompt import cause_of
from proxy_core.diagnosis.compare import Sent, compare
from proxy_core.errors import KvconsoleError
from proxy_core.journal import Entry, JournalWriter
from proxy_core.study.steps import Step, steps
from proxy_core.verdict import Advice, Diagnosis, Verdict
from tests.journal.kit import NOW
from tests.study.test_steps import RULES, captured

RUN = "3f9a12c4"


class Ran(NamedTuple):
    """How a run ended, and what it printed."""

    code: int
    out: str
    err: str


def ran(*args: object, given: bytes | None = None) -> Ran:
    """Run `kvconsole ARGS` with `given` on standard input."""
    done = CliRunner().invoke(cli, [str(arg) for arg in args], input=given)
    if isinstance(done.exception, KvconsoleError):
        # What the entry point makes of it.
        return Ran(2, done.stdout, f"{done.stderr}{done.exception.title}: {done.exception.message}\n")
    assert isinstance(done.exception, SystemExit | click.ClickException | None), done.exception
    return Ran(done.exit_code, done.stdout, done.stderr)


def kept(case: str, **more: Any) -> list[str]:
    """Write a case into the journal as a kvconsole with rules would have; gives the ids, oldest first."""
    writer = JournalWriter(paths.journal_file(), clock=lambda: NOW)
    entries = [_entry(step, **more) for step in steps(captured(case, journalled=True), RULES)]
    assert all(writer.put(entry) for entry in entries)
    writer.close()
    return [str(entry.key) for entry in entries]


def _entry(step: Step, **more: Any) -> Entry:
    one, before = step.captured, step.previous
    known: dict[str, Any] = {"lane": step.lane, "bodies": step.bodies, "edits": step.exchange.edits}
    if before is not None:
        assert one.api is not None
        found = compare(Sent(one.api, before.bodies), Sent(one.api, step.bodies), "after system")
        assert found is not None
        advice = (Advice("rule", "openclaw.message-id", "It takes the id out."),)
        verdict = Verdict(cause_of(found.raw) or "healthy", found.raw.detail, ("It left.",), advice)
        known["before"] = f"{RUN}-{before.number}"
        known["diagnosis"] = Diagnosis(
            verdict, before.number, raw=found.raw, normalized=found.normalized, lost_n=1200, lost_ms=900.0
        )
    known |= {"api": one.api, "client": one.client, "said": one.answer and one.answer.said, **more}
    return Entry(
        run=RUN,
        record=step.number,
        at=NOW + 60 * step.number,
        method="POST",
        path=one.path,
        label="chat",
        http_status=200,
        build="b11549-1a2b3c",
        ruleset="77aa01",
        **known,
    )
