"""Does the chat template write a clock into every prompt?"""

from __future__ import annotations

from collections.abc import Iterator

from proxy_core.checkup.findings import Finding
from proxy_core.checkup.setup import Setup
from proxy_core.llama.clock import clock_step
from proxy_core.visible import visible

_NAME = "template clock"


def check_clock(setup: Setup) -> Iterator[Finding]:
    """A clock in the template moves before every message."""
    seen = [server for server in setup.servers if server.template is not None]
    for server in seen:
        clock = server.template_clock
        if clock is None:
            continue
        of = f" of {visible(server.model)}" if server.model and len(seen) > 1 else ""
        step, what = clock_step(clock), f"The chat template{of} asks for the time ({visible(clock)})"
        if step == "day":
            saw = f"{what}: after midnight the next prompt of each conversation is cold."
            do = "If that hurts, give llama-server a template without a date: --chat-template-file."
            yield Finding("server", _NAME, "hint", saw, do)
        elif clock == "strftime_now":
            saw = f"{what}, and nobody can tell how fine; unless it is the day alone, it breaks the prefix."
            do = "Look at it in GET /props; --chat-template-file gives llama-server another one."
            yield Finding("server", _NAME, "hint", saw, do)
        else:
            saw = f"{what}: the prefix breaks with each {step}."
            do = "Give llama-server a template without it: --chat-template-file."
            yield Finding("server", _NAME, "problem", saw, do)
    if seen and all(server.template_clock is None for server in seen):
        yield Finding("server", _NAME, "ok", "The chat template has no clock.")
