from __future__ import annotations

from pathlib import Path

from proxy_core import paths
from proxy_core.events import RulesChanged
from tests.fake_upstream import FakeUpstream
from tests.running import Running, asked, running_engine

HELLO = b'{"messages":[{"role":"user","content":"hello world"}]}'


def rule(pattern: str) -> str:
    return f"""
[[rule]]
id = "mine.greeting"
title = "Greeting"
does = "Removes it."
cost = "None."
[[rule.look]]
in = ["user"]
pattern = "{pattern}"
"""


def said(run: Running, fake: FakeUpstream) -> bytes:
    """What the upstream reads when a client sends "hello world"."""
    with asked(run, "POST", "/v1/chat/completions", HELLO) as client:
        call = fake.next()
        call.answer(b"{}")
        client.getresponse().read()
    return call.body.split(b'"')[-2]


def own_file() -> Path:
    paths.rules_dir().mkdir(parents=True, exist_ok=True)
    return paths.rules_dir() / "mine.toml"


def put(file: Path, text: str) -> None:
    """Write as an editor does: a new file in the place of the old one."""
    fresh = file.with_suffix(".tmp")
    fresh.write_text(text)
    fresh.replace(file)


def test_a_rule_file_is_added_changed_broken_repaired_and_removed(run: Running, fake: FakeUpstream) -> None:
    file = own_file()
    assert said(run, fake) == b"hello world"
    put(file, rule("hello "))
    run.wait_for(lambda: said(run, fake) == b"world", "the new file's rule")
    put(file, rule("hello w"))
    run.wait_for(lambda: said(run, fake) == b"orld", "the changed rule")

    put(file, rule("hello (").replace("title", "tittle"))
    [notice] = run.wait_for(lambda: errors(run), "the notice about the broken file")
    assert "mine.toml" in notice
    assert "tittle" in notice
    assert notice.endswith("The rules that were in force stay in force.")
    assert said(run, fake) == b"orld"

    # Another save of the same mistake is no news.
    put(file, rule("hello (").replace("title", "tittle") + "# still\n")
    put(file, rule("hello"))
    run.wait_for(lambda: said(run, fake) == b" world", "the repaired rule")
    assert len(errors(run)) == 1
    told = [notice.message for notice in run.notices("Rules") if notice.level == "information"]
    cold = "1 conversation may evaluate its next prompt anew."
    assert set(told) == {f"Rule files were read again. {cold}"}

    file.unlink()
    run.wait_for(lambda: said(run, fake) == b"hello world", "the rule's end")
    last = run.of(RulesChanged)[-1].rules
    assert last.get("mine.greeting") is None


def errors(run: Running) -> list[str]:
    return [notice.message for notice in run.notices("Rules") if notice.level == "error"]


def test_a_file_that_was_written_while_the_engine_began_is_not_missed(fake: FakeUpstream) -> None:
    with running_engine(fake.url) as run:
        put(own_file(), rule("hello "))
        run.wait_for(lambda: said(run, fake) == b"world", "the file's rule")


def test_a_file_that_is_broken_at_the_start_is_told_once(fake: FakeUpstream) -> None:
    own_file().write_text("nonsense")
    with running_engine(fake.url) as run:
        [notice] = run.wait_for(lambda: errors(run), "the notice")
        assert "mine.toml" in notice
        put(own_file(), rule("hello "))
        run.wait_for(lambda: said(run, fake) == b"world", "the repaired rule")
        assert len(errors(run)) == 1


def test_a_folder_that_cannot_be_made_is_told_and_stops_nothing(fake: FakeUpstream) -> None:
    paths.config_dir().parent.mkdir(parents=True, exist_ok=True)
    paths.config_dir().write_text("a file where the folder should be")
    with running_engine(fake.url) as run:
        [notice] = run.wait_for(lambda: run.notices("Rules"), "the notice")
        assert "cannot be watched" in notice.message
        assert said(run, fake) == b"hello world"


def test_a_folder_that_is_replaced_is_still_watched(fake: FakeUpstream) -> None:
    with running_engine(fake.url) as run:
        run.wait_for(lambda: paths.rules_dir().is_dir(), "the folder")
        put(own_file(), rule("hello "))
        run.wait_for(lambda: said(run, fake) == b"world", "the first rule")
        paths.rules_dir().rename(paths.config_dir() / "rules.old")
        paths.rules_dir().mkdir()
        run.wait_for(lambda: said(run, fake) == b"hello world", "the rule to be gone")
        put(own_file(), rule("hello "))
        run.wait_for(lambda: said(run, fake) == b"world", "the rule of the new folder")
