"""Verdicts on what cannot be run here: sliding windows, hybrids, sleeping servers, routers, old builds.

The log lines are those of the builds that write them; see `tests.llama.corpus`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy_core.events import UpstreamChanged
from tests.diagnosis.scenes import flags, headline, scene, talk, verdict
from tests.diagnosis.told import Ran, Told, lcp
from tests.fake_upstream import FakeUpstream, fake_upstream
from tests.llama.corpus import slot, srv

FIRST = Ran(1600, 0, "selected slot by LRU, t_last = -1")
KEPT = lcp(0.889, 0.998)
"""The slot holds all of the first turn, 1,600 of 1,800 tokens."""


@pytest.fixture
def told(fake: FakeUpstream, tmp_path: Path) -> Iterator[Told]:
    """A server of which there is only what it logs and answers."""
    log = tmp_path / "server.log"
    log.write_text("build: 7200 (abc) with cc\n")
    with scene(fake.url, log) as found:
        yield Told(found, fake, log)


def test_what_the_log_tells_as_reused_is_healthy(told: Told) -> None:
    told.ask(talk(4), FIRST)
    record = told.ask(talk(5), Ran(1800, 1600, KEPT))
    assert headline(record) == "healthy"
    assert (record.sim, record.f_keep) == (0.889, 0.998)


def test_forced_re_processing_is_the_models_memory(told: Told) -> None:
    told.ask(talk(4), FIRST)
    forced = (
        "forcing full prompt re-processing due to lack of cache data (likely due to SWA or hybrid/recurrent"
        " memory, see https://github.com/ggml-org/llama.cpp/pull/13194#issuecomment-2868343055)"
    )
    record = told.ask(talk(5), Ran(1800, 0, KEPT, [forced, "n_tokens = 0, memory_seq_rm [0, end)"]))
    assert verdict(record).cause == "full re-processing"
    assert verdict(record).side == "server"
    assert "--swa-full" in flags(record)
    assert record.diagnosis is not None
    assert record.diagnosis.lost_n == 1600
    assert record.diagnosis.lost_ms == pytest.approx(3200.0)


def test_without_the_line_the_similarity_tells_the_same(told: Told) -> None:
    told.ask(talk(4), FIRST)
    record = told.ask(talk(5), Ran(1800, 0, KEPT))
    assert verdict(record).cause == "full re-processing"
    assert "1 600" in verdict(record).evidence[0] or "1,600" in verdict(record).evidence[0]


@pytest.mark.parametrize("logged", [True, False])
def test_a_checkpoint_that_was_gone_back_to_is_named_with_its_place(told: Told, logged: bool) -> None:
    told.ask(talk(4), FIRST)
    restored = "restored context checkpoint (pos_min = 0, pos_max = 1023, n_tokens = 1024, size = 62.813 MiB)"
    lines = [restored, "n_tokens = 1024, memory_seq_rm [1024, end)"] if logged else []
    record = told.ask(talk(5), Ran(1800, 1024, KEPT, lines))
    assert verdict(record).cause == "checkpoint fallback"
    assert "1,024" in verdict(record).detail or "1 024" in verdict(record).detail
    assert "-ctxcp 64" in flags(record)


def test_checkpoints_that_could_not_be_used_mean_full_re_processing(told: Told) -> None:
    told.ask(talk(4), FIRST)
    erased = (
        "erased invalidated context checkpoint (pos_min = 9, pos_max = 1599, n_swa = 1, size = 9.000 MiB)"
    )
    record = told.ask(talk(5), Ran(1800, 0, KEPT, [erased, "n_tokens = 0, memory_seq_rm [0, end)"]))
    assert verdict(record).cause == "full re-processing"


def test_a_server_that_slept_lost_its_cache(told: Told) -> None:
    told.ask(talk(4), FIRST)
    told.write(
        "que    start_loop: entering sleeping state",
        "que    start_loop: exiting sleeping state",
    )
    record = told.ask(talk(5), Ran(1800, 0, "selected slot by LRU, t_last = -1"))
    assert verdict(record).cause == "cache lost"
    assert verdict(record).side == "server"


def test_a_context_that_was_shifted_ends_its_prefix(told: Told) -> None:
    shift = "slot context shift, n_keep = 4, n_left = 8187, n_discard = 4093"
    told.ask(talk(4), FIRST._replace(lines=[shift]))
    record = told.ask(talk(5), Ran(1800, 4, lcp(0.002, 0.003)))
    assert headline(record) == "cache lost: context shift"


def test_a_slot_that_was_cleared_for_room_is_an_eviction(told: Told) -> None:
    told.ask(talk(4), FIRST)
    purge = srv("try_clear_idle_slots", "purging slot 0 with 1603 tokens")
    record = told.ask(talk(5), Ran(1800, 0, "selected slot by LRU, t_last = 7", before=[purge]))
    assert verdict(record).cause == "evicted"


def test_a_client_of_the_server_itself_can_take_the_slot(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy_core.join.GRACE", 0.1)
    told.ask(talk(4), FIRST)
    told.write(
        slot("launch_slot_", "processing task", task=15),
        slot("release", "stop processing: n_tokens = 900, truncated = 0", task=15),
    )
    record = told.ask(talk(5), Ran(1800, 12, lcp(0.007, 0.013)))
    assert verdict(record).side == "server"
    later = told.scene.when(record, lambda d: d.verdict.cause == "slot taken", "the other turn")
    assert "directly" in later.verdict.detail


def test_another_chat_template_is_the_servers_doing(
    fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_core.watch._UP_SECONDS", 0.05)
    log = tmp_path / "server.log"
    log.write_text("build: 7200 (abc) with cc\n")
    served = '{{"build_info":"b9000-x","model_alias":"tiny","chat_template":"{}"}}'
    fake._props = served.format("one").encode()
    with scene(fake.url, log) as found:

        def templates() -> set[str]:
            return {event.upstream.template or "" for event in found.run.of(UpstreamChanged)} - {""}

        told = Told(found, fake, log)
        found.run.wait_for(lambda: len(templates()) == 1, "the first template")
        told.ask(talk(4), FIRST)
        fake._props = served.format("two").encode()
        found.run.wait_for(lambda: len(templates()) == 2, "the other template")
        record = told.ask(talk(5), Ran(1800, 20, lcp(0.011, 0.012)))
        assert verdict(record).cause == "template changed"
        assert verdict(record).side == "server"


def test_builds_before_b6723_are_judged_without_sim_best(told: Told) -> None:
    old = "selected slot by lcs similarity, lcs_len = {}, similarity = {:.3f} (> 0.100 thold)"
    told.ask(talk(4), FIRST)
    healthy = told.ask(talk(5), Ran(1800, 1600, old.format(1600, 0.998)))
    assert headline(healthy) == "healthy"
    assert healthy.sim is None
    other = [{"role": "user", "content": "Write a title."}]
    told.ask(other, Ran(40, 1, old.format(1, 0.001)), session="side")
    record = told.ask(talk(6), Ran(2000, 1, old.format(1, 0.025)))
    assert verdict(record).cause == "slot taken"


def test_after_a_prompt_that_was_cancelled_half_way_the_rest_is_the_clients_doing(told: Told) -> None:
    gone = told.leave(talk(4), 700)
    assert headline(gone) == "cancelled"
    assert gone.turn is not None
    record = told.ask(talk(5), Ran(1800, 700, lcp(0.389, 1.0)))
    assert verdict(record).cause == "cancelled"
    assert verdict(record).side == "client"
    assert "700" in verdict(record).detail


def test_a_router_that_was_asked_for_another_model(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("build: 7200 (abc) with cc\n")
    router = b'{"role":"router","max_instances":4,"model_path":"none"}'
    with fake_upstream(props=router) as fake, scene(fake.url, log) as found:
        told = Told(found, fake, log)
        told.ask(talk(4), FIRST, model="small")
        record = told.ask(talk(5), Ran(1800, 0, "selected slot by LRU, t_last = -1"), model="large")
        assert headline(record).startswith("model changed")
        assert "small" in headline(record)
        back = told.ask(talk(6), Ran(2000, 1600, lcp(0.8, 0.998)), model="small")
        assert back.diagnosis is not None
        assert back.diagnosis.predecessor == record.id - 1
        assert headline(back) == "healthy"


def test_without_a_log_a_lost_cache_stays_unknown_and_says_what_is_missing(
    fake: FakeUpstream, tmp_path: Path
) -> None:
    with scene(fake.url) as found:
        told = Told(found, fake, tmp_path / "nowhere.log")
        told.ask(talk(4), FIRST, logged=False)
        record = told.ask(talk(5), Ran(1800, 0), logged=False)
        assert verdict(record).cause == "unknown"
        assert any("--log" in sentence for sentence in verdict(record).evidence)
