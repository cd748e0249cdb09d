"""A store of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy_core.lanes.store import LaneStore
from tests.lanes.kit import Clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "lanes.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[LaneStore]:
    opened = LaneStore(path, clock=Clock())
    yield opened
    opened.close()
