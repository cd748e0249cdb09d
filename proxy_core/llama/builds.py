"""What a build of llama-server can log, and at which verbosity.

Source: llama.cpp's history up to b11549. Levels moved three times: b6455 made the slot selection INFO, b7217
gave `-lv` the scale 0 to 4 with 3 as the default, b9151 put a trace level in at 4, and b9829 moved most lines
about the cache to it. A verbosity is told by the log itself only since b9151.
"""

from __future__ import annotations

import re

_BUILD = re.compile(r"b?(\d+)\b")

_PLAIN_LOG = 3761
"""First build with `slot …: id … | task …` lines; the structured ones before it are another world."""
_FORCED = 5429
"""First build that says when it evaluates a whole prompt again for lack of cache data."""
_SELECTION_INFO = 6455
_HOST_CACHE = 6723
_SCALE = 7217
"""First build whose default verbosity is 3; before it was 0, and 1 showed debug lines."""
_TRACE = 9151
"""First build with a trace level, and with prefixes by default."""
_QUIET = 9829
"""First build that says most about the cache at trace level only."""

_INFO_LEVEL = 3
_TRACE_LEVEL = 4


def build_number(info: str | None) -> int | None:
    """10587 for `b10587-1a2b3c4`, `b10587` or `10587`.

    None for what names no build: b0 is any build from outside git, and `0.6.0` a version.
    """
    found = _BUILD.match(info) if info else None
    if found is None or (info is not None and info[found.end() : found.end() + 1] == "."):
        return None
    return int(found[1]) or None


def shows_forced(build: int | None, verbosity: int | None) -> bool | None:
    """Whether the log says when a prompt is evaluated anew as a whole; None when that cannot be told."""
    if build is not None and build < _FORCED:
        return False
    return _cache_lines(build, verbosity)


def shows_cached(build: int | None, verbosity: int | None) -> bool | None:
    """Whether the log names the reused tokens of a prompt and its size; otherwise they are derived."""
    if build is not None and _TRACE <= build < _QUIET:
        return None if verbosity is None else verbosity >= _TRACE_LEVEL
    return _cache_lines(build, verbosity)


def selection_logged(build: int | None, verbosity: int | None) -> bool | None:
    """Whether the log says how a slot was chosen, and so `sim_best` or its forerunner."""
    if build is None:
        # Only builds from b9151 on tell their verbosity.
        return None if verbosity is None else verbosity >= _INFO_LEVEL
    if build >= _SCALE:
        return verbosity is None or verbosity >= _INFO_LEVEL
    if build >= _SELECTION_INFO:
        return verbosity is None or verbosity >= 0
    if build >= _PLAIN_LOG:
        return None if verbosity is None else verbosity >= 1
    return None


def needs(build: int | None, verbosity: int | None) -> tuple[str, ...]:
    """What to change so that the log tells all that this build can tell; nothing when it does already.

    A build that is not known is asked for nothing but `-lv 4`, which every build since b7217 understands.
    """
    said: list[str] = []
    if build is not None and build < _SELECTION_INFO and not selection_logged(build, verbosity):
        how = "-lv 1" if build >= _PLAIN_LOG else "--verbose"
        said.append(f"start llama-server with {how}: this build logs how a slot is chosen only then")
    if shows_forced(build, verbosity) is not True and (build is None or build >= _QUIET):
        which = "this build logs" if build is not None else "builds since b9829 log"
        said.append(
            f"start llama-server with -lv 4: {which} forced re-processing, checkpoints "
            "and the host cache only then"
        )
    elif shows_cached(build, verbosity) is not True and build is not None and build >= _TRACE:
        said.append(
            "start llama-server with -lv 4: this build logs how many tokens it reuses only then; "
            "until then they are worked out from its other lines"
        )
    if build is not None and build < _HOST_CACHE:
        said.append(
            f"update llama-server: b{build} logs a similarity to what is cached (sim_best exists since b6723)"
        )
    return tuple(said)


def _cache_lines(build: int | None, verbosity: int | None) -> bool | None:
    """Whether lines show that were INFO or WARN until b9829 and are TRACE from there on."""
    if build is None:
        # Up to b9828 level 3 is enough, and a verbosity alone does not say which build it is.
        return True if verbosity is not None and verbosity >= _TRACE_LEVEL else None
    if build >= _QUIET:
        return None if verbosity is None else verbosity >= _TRACE_LEVEL
    if build >= _SCALE:
        return verbosity is None or verbosity >= _INFO_LEVEL
    return build >= _PLAIN_LOG or None
