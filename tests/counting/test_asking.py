from __future__ import annotations

import pytest

from proxy_core.counting.asking import asleep, rendered
from proxy_core.upstream import UpstreamClient
from tests.fake_upstream import fake_upstream
from tests.real_llama import LlamaServer


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        (b'{"is_sleeping":true}', True),
        (b'{"is_sleeping":false}', False),
        (b'{"total_slots":1}', False),
        (b'{"is_sleeping":"no"}', False),
        (b"\xff", False),
    ],
)
async def test_asleep(props: bytes, expected: bool) -> None:
    with fake_upstream(explaining=True, props=props) as fake:
        client = UpstreamClient(fake.url, 5.0)
        assert await asleep(client, None, 5.0) is expected
        await client.close()


@pytest.mark.parametrize("model", [None, "any", "a&b=ü/c"])
async def test_a_real_server_is_awake(llama: LlamaServer, model: str | None) -> None:
    client = UpstreamClient(llama.url, 5.0)
    assert not await asleep(client, model, 5.0)
    await client.close()


def test_rendered() -> None:
    assert rendered(b'{"prompt":"a"}') == "a"
    assert rendered(b'{"prompt":3}') is None
    assert rendered(b"\xff") is None
