"""A journal of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy_core.journal.file import JournalFile
from tests.journal.kit import Clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(path: Path, clock: Clock) -> Iterator[JournalFile]:
    opened = JournalFile(path, clock=clock)
    yield opened
    opened.close()
