"""Is the log there, does it move, and is it that server's?"""

from __future__ import annotations

import os
from collections.abc import Iterator

from proxy_core.checkup.findings import Finding
from proxy_core.checkup.process import Process
from proxy_core.checkup.setup import Log, Setup
from proxy_core.checkup.who import is_here, port_of
from proxy_core.checkup.words import ago, plural
from proxy_core.logs import STDIN
from proxy_core.visible import visible

_SLACK_SECONDS = 5.0
"""A line may be written this long after the request that it is about."""
_ENOUGH_LINES = 50
_ENOUGH_REQUESTS = 3


def check_given(setup: Setup) -> Iterator[Finding]:
    """Whether a log is followed at all."""
    if STDIN in setup.settings.log:
        saw = "The log comes through standard input, where only the kvconsole that reads it can look."
        yield Finding("log", "given", "unknown", saw)
    elif not setup.logs:
        saw = "No log is followed: sim_best, f_keep and what the server did with its cache stay unknown."
        yield Finding("log", "given", "hint", saw, _follow(setup.at_upstream.process))


def check_readable(setup: Setup) -> Iterator[Finding]:
    """Whether each log can be read, and is one of llama-server."""
    for log in setup.logs:
        path = visible(log.path)
        if log.problem is not None:
            yield Finding("log", "readable", "problem", visible(log.problem))
        elif not log.exists:
            do = _follow(setup.at_upstream.process, log.path)
            yield Finding("log", "readable", "problem", f"There is no file {path}.", do)
        elif log.lines == 0:
            do = "If the server runs, it writes elsewhere: start it with --log-file, without --log-disable."
            yield Finding("log", "readable", "hint", f"{path} is empty.", do)
        elif log.events == 0 and log.lines >= _ENOUGH_LINES:
            saw = f"{path}: none of {plural(log.lines, 'line')} is one of llama-server's."
            yield Finding("log", "readable", "problem", saw, _follow(setup.at_upstream.process, log.path))
        else:
            turns = plural(len(log.turns), "turn")
            yield Finding("log", "readable", "ok", f"{path}: {turns} since the server's start.")


def check_whose(setup: Setup) -> Iterator[Finding]:
    """Whether the server at the upstream is the one that writes the log."""
    process = setup.at_upstream.process
    for log in setup.logs:
        if not log.exists or log.problem is not None:
            continue
        path, real = visible(log.path), os.path.realpath(log.path)
        if process is not None and log.inode in process.inodes:
            saw = f"The server (process {process.pid}) has {path} open and writes to it."
            yield Finding("log", "whose", "ok", saw)
        elif process is not None and f"{real} (deleted)" in process.files:
            saw = (
                f"The server (process {process.pid}) writes to an older file that was at {path} "
                "and is deleted."
            )
            do = (
                "Restart llama-server; rotate its log by copying and emptying it (copytruncate), "
                "not by moving it."
            )
            yield Finding("log", "whose", "problem", saw, do)
        elif _writes_elsewhere(setup, log):
            saw = f"The server at {setup.upstream}{_pid(process)} does not write to {path}."
            yield Finding("log", "whose", "problem", saw, _follow(process, log.path))
        elif (listening := log.facts.address) and is_here(setup.upstream):
            if port_of(listening) == port_of(setup.upstream):
                yield Finding("log", "whose", "ok", f"{path} is of a server on {visible(listening)}.")
            else:
                saw = (
                    f"{path} is of a server that listens on {visible(listening)}, and the "
                    f"upstream is {setup.upstream}."
                )
                do = (
                    "Unless a container maps one port to the other: --upstream "
                    f"{visible(listening)}, or another --log."
                )
                yield Finding("log", "whose", "hint", saw, do)


def check_moving(setup: Setup) -> Iterator[Finding]:
    """Whether lines came when requests came."""
    log = setup.newest_log
    if log is None or _writes_elsewhere(setup, log):
        return  # Told by the check before: whether another server's log moves is no matter.
    path, age = visible(log.path), ago(setup.now - log.modified)
    newest = _newest_read(setup)
    if newest is not None and _is_left(setup, log):
        saw = (
            f"{path} was written {age} ago, but llama-server answered a request that came "
            f"{ago(setup.now - newest)} ago: it writes elsewhere."
        )
        yield Finding("log", "moving", "problem", saw, _follow(setup.at_upstream.process, log.path))
    elif newest is not None:
        yield Finding("log", "moving", "ok", f"Its last line is {age} old, and no request is newer.")
    else:
        saw = (
            f"The last line of {path} is {age} old; without a request through kvconsole nobody can tell "
            "whether it should be newer."
        )
        yield Finding("log", "moving", "unknown", saw)


def check_joined(setup: Setup) -> Iterator[Finding]:
    """Whether the turns of the log are those of the requests."""
    log = setup.newest_log
    if log is None or setup.proxy is None or _is_left(setup, log):
        return
    logs = setup.proxy.logs
    if logs is not None and os.path.realpath(log.path) not in map(os.path.realpath, logs):
        saw = f"The kvconsole that runs does not follow {visible(log.path)}."
        yield Finding("log", "followed", "hint", saw, "Start it again with this --log.")
        return
    done = [r for r in setup.through if r.status == "done" and r.prompt_tokens is not None]
    known = [turn for turn in log.turns if turn.sim_best is not None]
    if len(done) >= _ENOUGH_REQUESTS and known and all(r.sim_best is None for r in done):
        saw = f"No turn of {visible(log.path)} fits any of {plural(len(done), 'request')} through kvconsole."
        do = (
            "It seems to be the log of another server, or of an earlier run: pass the one that "
            "the upstream writes."
        )
        yield Finding("log", "followed", "hint", saw, do)


def _writes_elsewhere(setup: Setup, log: Log) -> bool:
    """Whether the server at the upstream surely does not write this log itself."""
    process = setup.at_upstream.process
    if process is None or process.pipes or not process.is_llama_server:
        return False
    return log.inode not in process.inodes


def _is_left(setup: Setup, log: Log) -> bool:
    """Whether the server writes elsewhere: it has another file, or answered when no line came."""
    newest = _newest_read(setup)
    late = newest is not None and log.modified < newest - _SLACK_SECONDS
    return late or _writes_elsewhere(setup, log)


def _newest_read(setup: Setup) -> float | None:
    """When the newest request came that llama-server read."""
    read = [r.at for r in setup.through if r.at is not None and r.prompt_tokens is not None]
    return max(read, default=None)


def _pid(process: Process | None) -> str:
    return "" if process is None else f" (process {process.pid})"


def _follow(process: Process | None, path: str = "server.log") -> str:
    """How to get at the log."""
    if process is not None and process.log is not None and process.log != path:
        return f"llama-server writes to {visible(process.log)}: kvconsole --log {visible(process.log)}."
    return f"Start llama-server with --log-file {visible(path)}, and kvconsole with --log {visible(path)}."
