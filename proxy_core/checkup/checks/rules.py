"""Do the rules work?"""

from __future__ import annotations

from collections.abc import Iterator

from proxy_core.checkup.findings import Finding
from proxy_core.checkup.setup import Setup
from proxy_core.checkup.words import listed, plural
from proxy_core.staleness import ENOUGH
from proxy_core.visible import visible


def check_files(setup: Setup) -> Iterator[Finding]:
    """The person's own rule files."""
    if setup.rules_problem is not None:
        counts = (
            "None of your own rules counts."
            if setup.proxy is None
            else "The kvconsole that runs goes on with those that it read before, if any."
        )
        saw = f"{visible(setup.rules_problem)} {counts}"
        yield Finding("rules", "files", "problem", saw, "Put that right, and try: kvconsole rules check.")
    else:
        yield Finding("rules", "files", "ok", "The rule files are fine.")


def check_on(setup: Setup) -> Iterator[Finding]:
    """Whether rules run."""
    rules = setup.proxy.rules if setup.proxy is not None else ()
    on = sum(rule.on for rule in rules)
    if setup.proxy is not None and setup.proxy.bypass:
        saw = "The kvconsole that runs passes everything through untouched."
        yield Finding("rules", "on", "hint", saw, "Press b in the console, or start it without --no-rules.")
    elif setup.proxy is None and not setup.settings.rules:
        saw = "The settings switch all rules off: everything passes through untouched."
        yield Finding("rules", "on", "hint", saw, "Take away --no-rules, or rules = false.")
    elif rules and not on:
        do = "Switch some on in the console (r), or raise the level with L."
        yield Finding("rules", "on", "hint", "All rules are switched off.", do)
    elif rules:
        yield Finding("rules", "on", "ok", f"{on} of {plural(len(rules), 'rule')} are on.")


def check_stale(setup: Setup) -> Iterator[Finding]:
    """Rules that no longer find what they were written for."""
    proxy = setup.proxy
    if proxy is None or not proxy.rules or all(rule.stale is None for rule in proxy.rules):
        saw = "Only a kvconsole that runs knows which rules still find something."
        yield Finding("rules", "stale", "unknown", saw)
        return
    stale = [visible(rule.id) for rule in proxy.rules if rule.stale and rule.on]
    if stale:
        saw = f"These found nothing in {ENOUGH} requests of their client or more: {listed(stale)}."
        do = (
            "The client's format may have changed: look for a newer kvconsole, compare with "
            "`kvconsole rules show`, or switch them off if the client no longer writes that."
        )
        yield Finding("rules", "stale", "hint", saw, do)
    else:
        yield Finding("rules", "stale", "ok", "Every rule that ran often enough has found something.")
