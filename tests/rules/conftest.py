"""What all tests of rules need."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Rules have 5 ms; Python's cyclic collector takes ten times that when it walks a test run's objects."""
    gc.disable()
    yield
    gc.enable()
