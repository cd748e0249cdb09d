"""Everything that the checks look at, as it was at one moment: values alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from proxy_core.checkup.process import Process
from proxy_core.llama.builds import build_number
from proxy_core.llama.facts import Upstream
from proxy_core.llama.logfacts import LogFacts
from proxy_core.llama.turns import Turn
from proxy_core.settings import Settings
from proxy_core.verdict import Cause

Kind = Literal["nobody", "silent", "llama-server", "kvconsole", "ollama", "other"]
"""Who answers at an address; `silent` takes connections and answers nothing that can be read."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who listens at an address."""

    kind: Kind = "nobody"
    process: Process | None = None
    """The process, where this machine tells."""


class Lane(msgspec.Struct, frozen=True):
    """A conversation that rules remember something of."""

    seen: float = 0.0
    """When it was used last, in seconds since the epoch."""
    messages: int = 0
    """Messages that it is recognized by, its answers among them."""


class Said(msgspec.Struct, frozen=True):
    """A verdict in short."""

    cause: str = ""
    detail: str = ""


class Request(msgspec.Struct, frozen=True):
    """One entry of GET /kvconsole/exchanges; what an older kvconsole does not tell stays None."""

    at: float | None = None
    recalled: bool = False
    """Whether it is of an earlier run."""
    method: str | None = None
    """None for a turn that the log tells of and that did not come through kvconsole."""
    path: str | None = None
    api: str | None = None
    client: str | None = None
    status: str | None = None
    http_status: int | None = None
    note: str | None = None
    prompt_tokens: int | None = None
    sim_best: float | None = None
    verdict: Said | None = None


class RuleSeen(msgspec.Struct, frozen=True):
    """One entry of GET /kvconsole/rules."""

    id: str
    on: bool = False
    stale: bool | None = None
    """None when that kvconsole is too old to say."""


class Loss(msgspec.Struct, frozen=True):
    """What one cause cost since that kvconsole started."""

    cause: Cause
    tokens: int = 0
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Proxy:
    """A kvconsole that runs at the listen address."""

    version: str | None = None
    upstream: str | None = None
    """URL that it forwards to."""
    bypass: bool | None = None
    """Whether it passes everything through untouched; None when it does not say."""
    logs: tuple[str, ...] | None = None
    """Paths of the logs that it follows; None when it does not say."""
    rules: tuple[RuleSeen, ...] = ()
    requests: tuple[Request, ...] = ()
    """The newest ones, oldest first."""
    turns: int = 0
    """Turns that have a verdict."""
    losses: tuple[Loss, ...] = ()
    dropped: int = 0
    """Requests that it could not write into the journal in time."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log as it is on disk."""

    path: str
    problem: str | None = None
    """Why it cannot be read, in sentences."""
    exists: bool = True
    inode: tuple[int, int] | None = None
    """Device and inode of the file."""
    modified: float = 0.0
    """When its last line was written, in seconds since the epoch."""
    lines: int = 0
    """Lines that were read; of a long log, its beginning and its end."""
    events: int = 0
    """Lines among them that llama-server writes about its work."""
    facts: LogFacts = field(default_factory=LogFacts)
    turns: tuple[Turn, ...] = ()
    """Of the newest start of the server, oldest first."""
    evictions: int = 0
    """Prompts that the host cache had no room for, since that start."""


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A file or directory of kvconsole's own."""

    name: str
    path: Path
    mode: int | None = None
    """Permission bits; None when it is not there."""
    private: bool = False
    """Whether it holds prompts or what is known of them, so that nobody else should read it."""
    problem: str | None = None
    """Why it cannot be used, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A person's setup."""

    settings: Settings
    now: float = 0.0
    """When all this was gathered, in seconds since the epoch."""
    version: str = ""
    """Of this kvconsole."""
    upstream: str = ""
    """URL of the llama-server that was looked at."""
    at_upstream: Listener = Listener()
    server: Upstream
    """What it told."""
    models: tuple[Upstream, ...] = ()
    """The loaded models of a router."""
    elsewhere: str | None = None
    """Where a llama-server answers that is not the upstream, when the upstream is down."""
    at_listen: Listener = Listener()
    proxy: Proxy | None = None
    logs: tuple[Log, ...] = ()
    lanes: tuple[Lane, ...] | None = ()
    """Newest first; None when nobody tells."""
    base_urls: Mapping[str, str] = field(default_factory=dict)
    """Environment variables by which clients find their model, as far as they are set."""
    rules_problem: str | None = None
    """What is wrong with the person's rule files."""
    state_problem: str | None = None
    """What is wrong with the file of toggles and counters."""
    lanes_problem: str | None = None
    """Why what rules remember cannot be read."""
    journal_problem: str | None = None
    """Why the journal cannot be read."""
    files: tuple[FileSeen, ...] = ()
    free_bytes: int | None = None
    """Room on the disk that holds kvconsole's state."""
    leftovers: tuple[str, ...] = ()
    """Files that were set aside because they were broken."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Versions of what kvconsole stands on, by name."""

    @property
    def servers(self) -> tuple[Upstream, ...]:
        """What evaluates prompts: the server itself, or a router's loaded models."""
        return self.models if self.server.model == "router" else (self.server,)

    @property
    def newest_log(self) -> Log | None:
        """The readable log that was written last."""
        read = [log for log in self.logs if log.exists and log.problem is None and log.events]
        return max(read, key=lambda log: log.modified, default=None)

    @property
    def through(self) -> tuple[Request, ...]:
        """The newest requests with a prompt that came through kvconsole, oldest first."""
        requests = self.proxy.requests if self.proxy is not None else ()
        return tuple(r for r in requests if r.method is not None and r.api in PROMPTS)

    @property
    def direct(self) -> tuple[Request, ...]:
        """The turns that went past kvconsole while it ran, oldest first."""
        requests = self.proxy.requests if self.proxy is not None else ()
        return tuple(r for r in requests if r.method is None and r.at is not None)

    @property
    def longest_prompt(self) -> int | None:
        """Tokens of the longest prompt that anybody knows of."""
        sizes = [r.prompt_tokens for r in self.through]
        sizes += [turn.prompt_tokens for log in self.logs for turn in log.turns]
        return max((size for size in sizes if size is not None), default=None)

    @property
    def verbosity(self) -> int | None:
        """llama-server's `-lv`, as it logs it, or as it was started."""
        log, process = self.newest_log, self.at_upstream.process
        if log is not None and log.facts.verbosity is not None:
            return log.facts.verbosity
        return _count(process.flag("-lv", "--verbosity", "--log-verbosity")) if process else None

    @property
    def cache_limit(self) -> float | None:
        """Bound of the host cache in MiB: 0 is off, below 0 is none. None where nobody tells."""
        log, process = self.newest_log, self.at_upstream.process
        if log is not None and log.facts.cache_mib is not None:
            return log.facts.cache_mib
        return _count(process.flag("-cram", "--cache-ram")) if process else None

    @property
    def build(self) -> int | None:
        """Number of llama-server's build; of one that does not say, the oldest that logs as it does."""
        facts = self.newest_log.facts if self.newest_log else None
        told = build_number(self.server.build)
        return told or (facts.build or facts.at_least if facts else None)

    @property
    def logged_address(self) -> str | None:
        """Where the server of the newest log listens, as it says."""
        return self.newest_log.facts.address if self.newest_log else None

    @property
    def logged_slots(self) -> int | None:
        """Slots of the server of the newest log."""
        return self.newest_log.facts.slots if self.newest_log else None

    @property
    def logged_context(self) -> int | None:
        """Context of one of its slots, in tokens."""
        return self.newest_log.facts.n_ctx_slot if self.newest_log else None


PROMPTS = ("chat", "responses", "messages", "completion", "infill", "embed", "rerank")
"""Labels of the requests that make llama-server evaluate a prompt."""


def _count(text: str | None) -> int | None:
    """A flag's value; None unless it is a whole number."""
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None
