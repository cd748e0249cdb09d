from __future__ import annotations

import pytest

from proxy_core.llama import events as ev
from proxy_core.llama.grammar import parse
from tests.llama.corpus import slot, srv


@pytest.mark.parametrize(
    ("text", "what", "pos_min", "pos"),
    [
        (
            "SWA checkpoint create, pos_min = 1, pos_max = 511, size = 2.500 MiB, total = 1/3 (2.500 MiB)",
            "created",
            1,
            511,
        ),
        ("SWA checkpoint restore, pos_min = 1, pos_max = 511, size = 2.500 MiB", "restored", 1, 511),
        ("SWA checkpoint erase, pos_min = 1, pos_max = 511, size = 2.500 MiB", "erased", 1, 511),
        ("saved context checkpoint 1 of 3 (pos_min = 1, pos_max = 9, size = 2.500 MiB)", "created", 1, 9),
        (
            "created context checkpoint 1 of 32 (pos_min = 1, pos_max = 9, n_tokens = 10, size = 2.500 MiB)",
            "created",
            1,
            9,
        ),
        (
            "restored context checkpoint (pos_min = 1, pos_max = 9, n_past = 10, size = 2.500 MiB)",
            "restored",
            1,
            9,
        ),
        (
            "erased invalidated context checkpoint "
            "(pos_min = 1, pos_max = 9, n_tokens = 10, n_swa = 1, pos_next = 3, size = 2.500 MiB)",
            "invalidated",
            1,
            9,
        ),
        ("erasing old context checkpoint (pos_min = 1, pos_max = 9, size = 2.500 MiB)", "erased", 1, 9),
        (
            "erasing context checkpoint too close to an earlier one "
            "(pos_min = 1, pos_max = 9, n_tokens = 10, size = 2.500 MiB)",
            "erased",
            1,
            9,
        ),
        ("failed to restore context checkpoint (pos_min = 1, pos_max = 9, size = 2.500 MiB)", "failed", 1, 9),
    ],
)
def test_checkpoints_in_every_era(text: str, what: str, pos_min: int, pos: int) -> None:
    event = parse(slot("update_slots", text))
    assert isinstance(event, ev.Checkpoint)
    assert (event.what, event.pos_min, event.pos, event.mib) == (what, pos_min, pos, 2.5)
    assert (event.slot, event.task) == (0, 7)


def cache(**fields: object) -> dict[str, object]:
    return {
        "tokens": None,
        "prompts": None,
        "mib": None,
        "limit_mib": None,
        "f_keep": None,
        "sim": None,
    } | fields


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            " - saving prompt with length 1809, total state size = 0.076 MiB (draft: 0.000 MiB)",
            cache(what="saved", tokens=1809, mib=0.076),
        ),
        (" - prompt is already in the cache, skipping", cache(what="skipped")),
        (
            " - prompt state size 9.500 MiB exceeds cache size limit 8.000 MiB, skipping",
            cache(what="skipped", mib=9.5),
        ),
        (" - removing obsolete cached prompt with length 12", cache(what="replaced", tokens=12)),
        (
            " - looking for better prompt, base f_keep = -1.000, sim = 0.000",
            cache(what="searched", f_keep=-1.0, sim=0.0),
        ),
        (" - looking for better prompt, base f_keep = -nan, f_sim = 0.250", cache(what="searched", sim=0.25)),
        (
            " - found better prompt with f_keep = 0.977, f_sim = 0.912",
            cache(what="found", f_keep=0.977, sim=0.912),
        ),
        (
            " - cache state: 3 prompts, 20.182 MiB (limits: 8192.000 MiB, 65536 tokens)",
            cache(what="state", prompts=3, mib=20.182, limit_mib=8192.0),
        ),
        (
            " - cache state: 3 prompts, 20.182 MiB (limits: 8192.000 MiB, 65536 tokens, 195041328 est)",
            cache(what="state", prompts=3, mib=20.182, limit_mib=8192.0),
        ),
        (
            " - cache size limit reached, removing oldest entry (size = 12.500 MiB)",
            cache(what="evicted", mib=12.5),
        ),
        (
            " - cache token limit (100, est: 90) reached, removing oldest entry (size = 12.500 MiB)",
            cache(what="evicted", mib=12.5),
        ),
        (
            " - making room for prompt cache entry, removing oldest entry (size = 12.500 MiB)",
            cache(what="evicted", mib=12.5),
        ),
        (" - cache size limit reduced to 64.000 MiB", cache(what="shrunk", limit_mib=64.0)),
        ("purging slot 2 with 512 tokens", cache(what="cleared", tokens=512)),
        ("clearing prompt with 512 tokens", cache(what="cleared", tokens=512)),
        ("failed to load prompt from cache", cache(what="failed")),
        ("prompt cache is enabled, size limit: 8192 MiB", cache(what="limit", limit_mib=8192.0)),
        ("prompt cache is enabled, size limit: no limit", cache(what="limit")),
        ("prompt cache is disabled - use `--cache-ram N` to enable it", cache(what="limit", limit_mib=0.0)),
    ],
)
def test_host_cache(text: str, expected: dict[str, object]) -> None:
    event = parse(srv("prompt_save", text))
    assert isinstance(event, ev.HostCache)
    assert {name: getattr(event, name) for name in expected} == expected


@pytest.mark.parametrize(
    "text",
    [
        "checking checkpoint with [1, 9] against 3...",
        "saving idle slot to prompt cache",
        "   - prompt with length     709, lcp =       0, f_keep = 0.000, f_sim = 0.000",
        "updating prompt cache",
        "prompt cache update took 0.25 ms",
    ],
)
def test_lines_that_add_nothing(text: str) -> None:
    assert parse(srv("update", text)) is None
