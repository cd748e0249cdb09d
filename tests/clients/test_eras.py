"""The rules keep the prefixes of every client and era: from the bodies alone, and on a real llama-server."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from console.demo.conversation import steps
from proxy_core.rules import RuleSet, shipped_rules
from tests.clients import openclaw, reading
from tests.clients.case import LEVELS, Level
from tests.clients.plain import long_date
from tests.clients.playing import Row, Through, evaluated, ideal, play, reused
from tests.clients.registry import CASES
from tests.clients.scoring import GOAL, Step, forwarded, score, share
from tests.clients.story import START, Ask, Person, Said, asks
from tests.running import running_engine

WHOLE = frozenset({"openclaw-a", "openclaw-e", "openclaw-f", "side-requests", "claude-code-new", "roo-code"})
"""Cases that lose nothing by themselves; there the rules must do no harm."""

REAL = (
    *(case.name for case in openclaw.CASES),
    *("openclaw-i-messages", "shuffled-tools", "heartbeats", "side-requests", "clock", "pruned-hard"),
    *("dropped-reasoning", "respelled-arguments", "claude-code-run-on", "claude-code-reminders"),
    *("opencode-plan", "hermes", "goose", "codex", "open-webui", "home-assistant"),
)
"""What a real server is asked about: each era, each habit, and one client for each kind of remedy."""

LASTING = (
    *("openclaw-a-clock", "openclaw-b", "openclaw-h", "openclaw-i", "openclaw-i-messages", "openclaw-j"),
    *("shuffled-tools", "pruned-hard", "dropped-reasoning", "claude-code-git", "opencode-plan", "goose"),
)
"""Cases whose rules remember something, each in another way."""

NOTE = 0.003
"""What a relocated line may cost a prompt, as a share: it stands in the new message and is read there."""

NOTES = 0.03
"""The same for all that a server reads in a shortened conversation."""


TIMES = {
    **dict.fromkeys(
        ("openclaw-a-clock", "clock", "librechat", "home-assistant", "n8n", "unknown-iso"), "%H:%M"
    ),
    **dict.fromkeys(("open-webui", "opencode-memory", "openclaw-g", "openclaw-h", "openclaw-i"), "%H:%M"),
    **dict.fromkeys(("opencode-omo", "pi-2025", "unknown-long"), "%I:%M"),
}
"""Cases in whose system prompts or carriers a clock runs, and how it spells the time."""

DATES: dict[str, Callable[[datetime], str]] = {
    **dict.fromkeys(
        ("zed", "pi", "oh-my-pi", "aider", "continue", "codex", "openclaw-j"), "{:%Y-%m-%d}".format
    ),
    "opencode": "{:%a %b %d %Y}".format,
    "qwen-code": long_date,
}
"""Cases whose prompts tell the day, and how they spell it."""

BEGUN = {
    "openclaw-a-clock": "2026-01-15",
    "openclaw-g": "2026-05-03",
    "openclaw-h": "2026-06-11",
    "openclaw-i": "2026-07-20",
    "openclaw-j": "2026-09-20",
}

_SCRIPT = [
    text.strip()
    for step in steps()
    for text in (step.user, step.reply, *(part for use in step.uses for part in (use.say, use.result)))
    if text.strip()
]
"""All that the person, the model and the tools say."""

_STAMP = re.compile(r'"timestamp": "([^"]*)"')


@cache
def rules(level: Level) -> RuleSet:
    return RuleSet.of(tuple(shipped_rules()), {}, level)


@cache
def steps_of(name: str, level: Level | None) -> list[Step]:
    return score(CASES[name], None if level is None else rules(level))


@pytest.fixture(autouse=True)
def no_collections() -> Iterator[None]:
    """A collection of the whole test run's heap would be counted as time that a rule took."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", CASES)
def test_prefixes_are_kept_at_the_level_that_is_for_it(name: str) -> None:
    steps = steps_of(name, CASES[name].wanted)
    assert not [step.note for step in steps if step.note]
    assert share(steps) >= GOAL, [step for step in steps if step.divergence]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", CASES)
def test_nothing_is_lost_that_was_kept_without_rules(name: str, level: Level) -> None:
    steps = steps_of(name, level)
    assert share(steps) >= share(steps_of(name, None)) - NOTE, [step for step in steps if step.divergence]


@pytest.mark.parametrize("name", LASTING)
def test_prefixes_are_kept_over_a_start_of_kvconsole_before_each_turn(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    steps = score(case, rules(case.wanted), short=True, disk=tmp_path / "lanes.db")
    assert share(steps) >= GOAL, [step for step in steps if step.divergence]


@pytest.mark.parametrize("name", LASTING)
def test_a_request_that_is_sent_again_is_forwarded_as_it_was(name: str) -> None:
    case = CASES[name]
    doubled = replace(
        case, requests=lambda short: (again for sent in case.requests(short) for again in (sent, sent))
    )
    bodies = [found.body for found in forwarded(doubled, rules(case.wanted), short=True)]
    assert bodies[::2] == bodies[1::2]


@pytest.mark.parametrize("name", CASES)
def test_without_rules_a_case_loses_what_it_is_about(name: str) -> None:
    assert any(step.divergence for step in steps_of(name, None)) == (name not in WHOLE)


@pytest.mark.parametrize("name", TIMES)
def test_the_newest_message_tells_the_time_that_left_the_system_prompt(name: str) -> None:
    told = [f for f in forwarded(CASES[name], rules("safe")) if f.sent.lane == "main"]
    for ask, (sent, body, _, _) in zip(_moments(name), told, strict=True):
        newest = _newest(sent.path, body)
        if ask.step == 0:
            assert f"{ask.at:{TIMES[name]}}" in newest
        assert f"{ask.person.at:{TIMES[name]}}" in newest


@pytest.mark.parametrize("name", DATES)
def test_what_a_prompt_says_last_of_the_date_is_true(name: str) -> None:
    for ask, (sent, body, _, _) in zip(_moments(name), forwarded(CASES[name], rules("safe")), strict=True):
        prompt = reading.text(reading.read(sent.path, body))
        spelled = [DATES[name](at) for at in (ask.at, _moments(name)[0].at)]
        today, first = map(prompt.rfind, spelled)
        assert today >= 0
        assert today >= first


def test_the_active_message_of_each_of_two_chats_tells_its_own_time() -> None:
    for sent, body, _, _ in forwarded(CASES["two-sessions"], rules("safe")):
        own = _STAMP.findall(json.loads(sent.body)["messages"][0]["content"])
        assert _STAMP.findall(_newest(sent.path, body)) == own


@pytest.mark.parametrize("name", CASES)
def test_what_was_said_stays_and_nothing_is_told_twice(name: str) -> None:
    for sent, body, _, _ in forwarded(CASES[name], rules("safe"), short=True):
        before, after = reading.text(reading.read(sent.path, sent.body)), reading.read(sent.path, body)
        whole = reading.text(after)
        assert [text for text in _SCRIPT if text in before] == [text for text in _SCRIPT if text in whole]
        for part in after:
            blocks = part.text.split("\n\n") if part.label.endswith("(user)") else []
            assert len(blocks) == len(set(blocks))


@pytest.mark.parametrize("name", CASES)
def test_the_same_tools_are_offered(name: str) -> None:
    for sent, body, _, _ in forwarded(CASES[name], rules("safe"), short=True):
        before, after = (json.loads(each).get("tools", []) for each in (sent.body, body))
        assert sorted(before, key=_canonical) == sorted(after, key=_canonical)


def _canonical(value: object) -> str:
    """The same text for equal JSON."""
    return json.dumps(value, sort_keys=True)


def _moments(name: str) -> list[Ask]:
    """When the requests of a case were made: the eras begin on days of their own, at the same minute."""
    played = list(asks(False))
    if not name.startswith("openclaw"):
        return played
    begun = datetime.fromisoformat(BEGUN[name]).date() - START.date()
    return [
        replace(ask, at=ask.at + begun, said=tuple(_later(said, begun) for said in ask.said))
        for ask in played
    ]


def _later(said: Said, by: timedelta) -> Said:
    return replace(said, at=said.at + by) if isinstance(said, Person) else said


def _newest(path: str, body: bytes) -> str:
    """The last message in a person's name."""
    parts = reading.read(path, body)
    return next(part.text for part in reversed(parts) if part.label.endswith("(user)"))


@pytest.mark.parametrize("name", REAL)
def test_a_real_server_reuses_the_prompt(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    through = _play(name, tmp_path / "through", lambda url: engine(url, case.wanted))
    alone = _play(name, tmp_path / "alone", None)
    kept, without = reused(through) / ideal(through), reused(alone) / ideal(alone)
    assert kept >= GOAL, through
    assert kept >= without - NOTE, (through, alone)
    assert evaluated(through) <= evaluated(alone) * (1 + NOTES), (through, alone)


@contextmanager
def engine(upstream: str, level: Level) -> Iterator[str]:
    """A kvconsole at a level, and its address."""
    with running_engine(upstream, level=level) as running:
        yield running.url


def _play(name: str, folder: Path, through: Through | None) -> list[Row]:
    folder.mkdir()
    return play(CASES[name], folder, through, short=True)
