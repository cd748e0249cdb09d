"""All checks in the order of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from proxy_core.checkup.checks import cache, clients, files, log, losses, proxy, rules, server, template
from proxy_core.checkup.findings import Area, Finding
from proxy_core.checkup.setup import Setup

Check = Callable[[Setup], Iterator[Finding]]

CHECKS: dict[Area, tuple[Check, ...]] = {
    "server": (
        server.check_reachable,
        server.check_router,
        server.check_build,
        server.check_verbosity,
        server.check_slots_endpoint,
        server.check_asleep,
        template.check_clock,
    ),
    "cache": (
        cache.check_slots,
        cache.check_host_cache,
        cache.check_context,
        cache.check_shared,
        cache.check_choice,
        cache.check_reprocessing,
        cache.check_unsupported,
        losses.check_losses,
    ),
    "log": (
        log.check_given,
        log.check_readable,
        log.check_whose,
        log.check_moving,
        log.check_joined,
    ),
    "proxy": (
        proxy.check_listen,
        proxy.check_version,
        proxy.check_forwards,
        proxy.check_exposed,
    ),
    "clients": (
        clients.check_environment,
        clients.check_traffic,
        clients.check_recognized,
        clients.check_refused,
        clients.check_untouched,
    ),
    "rules": (
        rules.check_files,
        rules.check_on,
        rules.check_stale,
    ),
    "files": (
        files.check_access,
        files.check_state,
        files.check_lanes,
        files.check_journal,
        files.check_room,
        files.check_leftovers,
        files.check_versions,
    ),
}


def examine(setup: Setup) -> list[Finding]:
    """What all checks have to say. A check that fails says so in place of its findings."""
    findings: list[Finding] = []
    for area, checks in CHECKS.items():
        for check in checks:
            try:
                findings += check(setup)
            except Exception as error:
                saw = f"This could not be checked: {type(error).__name__}: {error}."
                findings.append(Finding(area, check.__name__.removeprefix("check_"), "unknown", saw))
    return findings
