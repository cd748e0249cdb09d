"""A scripted upstream and an engine in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fake_upstream import FakeUpstream
from tests.running import Running, running_engine


@pytest.fixture
def run(fake: FakeUpstream) -> Iterator[Running]:
    with running_engine(fake.url, body_limit=4096) as running:
        yield running
