"""What every test stands on: no settings of the person who runs it, and real llama-servers on request."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Unpack

import pytest

from tests.fake_upstream import FakeUpstream, fake_upstream
from tests.real_llama import LlamaFactory, LlamaServer, ServerOptions, running_llama
from tests.running import Running, running_engine


@pytest.fixture(autouse=True)
def isolated_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep a test away from the person's configuration, state and environment; returns its own home."""
    for name in [name for name in os.environ if name.startswith("KVCONSOLE_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "kvconsole-home"
    monkeypatch.setenv("KVCONSOLE_CONFIG_DIR", str(home / "config"))
    monkeypatch.setenv("KVCONSOLE_STATE_DIR", str(home / "state"))
    return home


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    """One server with one slot for the whole run: other tests' prompts may be in its slot."""
    with running_llama(tmp_path_factory.mktemp("llama") / "server.log") as server:
        yield server


@pytest.fixture
def llama_factory(tmp_path: Path) -> Iterator[LlamaFactory]:
    """Starts servers of a test's own, with options such as `parallel=2` or `cache_ram=0`."""
    with ExitStack() as servers:
        started: list[LlamaServer] = []

        def start(**options: Unpack[ServerOptions]) -> LlamaServer:
            log_path = tmp_path / f"llama-server-{len(started)}.log"
            started.append(servers.enter_context(running_llama(log_path, **options)))
            return started[-1]

        yield start


@pytest.fixture
def fake() -> Iterator[FakeUpstream]:
    """A scripted upstream, for what a real server cannot be made to do."""
    with fake_upstream() as upstream:
        yield upstream


@pytest.fixture
def run(fake: FakeUpstream) -> Iterator[Running]:
    """An engine in front of the scripted upstream."""
    with running_engine(fake.url) as running:
        yield running
