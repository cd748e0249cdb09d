from __future__ import annotations

from typing import get_args

from proxy_core.llama.events import Category, category
from proxy_core.llama.grammar import parse
from tests.llama.corpus import ERAS, OTHERS, slot, srv


def test_families_of_lines() -> None:
    expected = {
        slot("f", "selected slot by LRU, t_last = -1", task=-1): "select",
        slot("f", "processing task"): "task",
        slot("f", "prompt eval time =     115.27 ms /  6939 tokens"): "timing",
        slot("f", "stop processing: n_tokens = 66, truncated = 0"): "release",
        slot("f", "forcing full prompt re-processing due to lack of cache data"): "warn",
        srv("f", " - cache size limit reached, removing oldest entry (size = 1.0 MiB)"): "cache",
        srv("f", "all slots are idle"): "server",
    }
    for line, family in expected.items():
        event = parse(line)
        assert event is not None
        assert category(event) == family


def test_the_corpus_uses_every_family() -> None:
    events = [parse(line) for lines in (*ERAS.values(), OTHERS) for line in lines]
    assert {category(event) for event in events if event is not None} == set(get_args(Category))
