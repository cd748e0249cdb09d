from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.llama.clock import clock_step, template_clock


@pytest.mark.parametrize(
    ("template", "clock", "step"),
    [
        ('{{ strftime_now("%d %b %Y") }}', "strftime_now('%d %b %Y')", "day"),
        ("{%- set now = strftime_now( '%Y-%m-%d %H:%M' ) -%}", "strftime_now('%Y-%m-%d %H:%M')", "minute"),
        ("{{ strftime_now('%Y-%m-%dT%H:00') }}", "strftime_now('%Y-%m-%dT%H:00')", "hour"),
        ("{{ strftime_now('%X') }}", "strftime_now('%X')", "second"),
        ("{{ strftime_now('%-I %p') }}", "strftime_now('%-I %p')", "hour"),
        ("{{ strftime_now(fmt) }}", "strftime_now", "second"),
        # Of two, the one that moves the faster.
        (
            "{{ strftime_now('%Y') }} and {{ strftime_now('%H:%M:%S') }}",
            "strftime_now('%H:%M:%S')",
            "second",
        ),
        ("{%- if not date_string is defined %}x{% endif %}", "date_string", "day"),
        ("Today: {{ datetime }}", "datetime", "day"),
        (
            "{%- set date_string = strftime_now('%d %b %Y') %}{{ date_string }}",
            "strftime_now('%d %b %Y')",
            "day",
        ),
    ],
)
def test_clocks(template: str, clock: str, step: str) -> None:
    assert template_clock(template) == clock
    assert clock_step(clock) == step


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{{ messages[0].content }}",
        "The datetime and the date_string stand here as text.",
        "{{ 'datetime' }}",
        "{{ message.datetime }}",
        "{% if x %}strftime_now('%H'){% endif %}",
        "{{ date_string_of_birth }}",
    ],
)
def test_no_clock(template: str) -> None:
    assert template_clock(template) is None


@given(st.text(alphabet="{}%'\"() strftime_nowdate_stringHM:-", max_size=80))
def test_no_template_raises(template: str) -> None:
    clock = template_clock(template)
    assert clock is None or clock_step(clock) in ("second", "minute", "hour", "day")


def test_a_template_that_closes_nothing_is_read_once() -> None:
    assert template_clock("{{" * 200_000 + "datetime") is None
    assert template_clock("{{ x }}" * 50_000 + "{{ datetime }}") == "datetime"
