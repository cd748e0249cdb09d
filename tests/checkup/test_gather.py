"""Everything at once, and nothing changed by it."""

from __future__ import annotations

from pathlib import Path

from proxy_core.checkup.gather import gather, listen_url
from proxy_core.checkup.report import examine
from proxy_core.checkup.setup import Setup
from proxy_core.settings import load_settings
from tests.checkup.test_disk import keep, tree
from tests.real_llama import LlamaServer
from tests.running import free_port, running_engine


async def gathered(environ: dict[str, str] | None = None, **flags: object) -> Setup:
    return await gather(load_settings(flags, environ={}), environ or {})


def nobody() -> str:
    return f"127.0.0.1:{free_port()}"


async def test_nothing_runs(isolated_home: Path) -> None:
    made = await gathered(upstream=f"http://{nobody()}", listen=nobody())
    assert (made.at_upstream.kind, made.at_listen.kind, made.proxy, made.server.state) == (
        "nobody",
        "nobody",
        None,
        "down",
    )
    assert not tree(isolated_home)


async def test_a_running_kvconsole_says_what_it_uses(llama: LlamaServer) -> None:
    with running_engine(llama.url, log=(llama.log_path,)) as run:
        made = await gathered(listen=f"127.0.0.1:{run.engine.port}")
    assert (made.upstream, made.server.model) == (llama.url, "tiny-random")
    assert [log.path for log in made.logs] == [str(llama.log_path)]
    assert {(f.area, f.name) for f in examine(made) if f.level == "problem"} == set()


async def test_what_was_named_comes_first(llama: LlamaServer, tmp_path: Path) -> None:
    own = tmp_path / "own.log"
    with running_engine(llama.url, log=(llama.log_path,)) as run:
        made = await gathered(
            upstream=f"http://{nobody()}", listen=f"127.0.0.1:{run.engine.port}", log=(str(own),)
        )
    assert made.server.state == "down"
    assert [log.path for log in made.logs] == [str(own)]


async def test_nothing_changes_for_being_looked_at(llama: LlamaServer, isolated_home: Path) -> None:
    keep(5.0, 50.0)
    before = tree(isolated_home)
    log_before = llama.log_path.read_bytes()
    made = await gathered(upstream=llama.url, listen=nobody(), log=(str(llama.log_path),))
    assert len(made.lanes or ()) == 2
    assert tree(isolated_home) == before
    assert b"processing task" not in llama.log_path.read_bytes()[len(log_before) :]


async def test_only_known_variables_are_read() -> None:
    environ = {
        "OPENAI_API_KEY": "s3cret",
        "OPENAI_BASE_URL": "http://127.0.0.1:1234/v1",
        "ANTHROPIC_BASE_URL": "",
    }
    made = await gathered(environ, upstream=f"http://{nobody()}", listen=nobody())
    assert made.base_urls == {"OPENAI_BASE_URL": "http://127.0.0.1:1234/v1"}


def test_listen_url() -> None:
    def of(listen: str) -> str:
        return listen_url(load_settings({"listen": listen}, environ={}).settings)

    assert of("0.0.0.0:1234") == "http://127.0.0.1:1234"
    assert of("[::]:1") == "http://[::1]:1"
    assert of("box:99") == "http://box:99"
