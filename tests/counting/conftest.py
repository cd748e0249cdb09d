"""Here the scripted upstream hands out also what kvconsole asks in order to explain turns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fake_upstream import FakeUpstream, fake_upstream


@pytest.fixture
def fake() -> Iterator[FakeUpstream]:
    """A scripted upstream that answers nothing by itself but /health and /props."""
    with fake_upstream(explaining=True) as upstream:
        yield upstream
