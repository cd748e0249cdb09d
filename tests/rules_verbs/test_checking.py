"""`rules check`."""

from __future__ import annotations

from pathlib import Path

from proxy_core import paths
from tests.rules_verbs.kit import CLOCK, own, verb


def test_without_files_of_ones_own_it_says_how_to_write_one() -> None:
    ran = verb("check")
    assert (ran.code, ran.err) == (0, "")
    assert str(paths.rules_dir()) in ran.out
    assert "kvconsole rules new" in ran.out


def test_files_that_are_right_are_counted() -> None:
    own("mine.toml", CLOCK)
    own("more.toml", CLOCK.replace("mine.clock", "mine.a") + CLOCK.replace("mine.clock", "mine.b"))
    assert verb("check") == (0, "2 files, 3 rules: fine, examples and all.\n", "")


def test_every_wrong_file_is_told_on_a_line_with_file_rule_and_key() -> None:
    own("a-good.toml", CLOCK)
    own("b-key.toml", CLOCK.replace("mine.clock", "mine.b").replace("title", "titel"))
    own("c-example.toml", CLOCK.replace("mine.clock", "mine.c").replace('after = "W', 'after = "w'))
    own("d-toml.toml", "[[rule]\n")
    own("e-double.toml", CLOCK)
    own("f-shipped.toml", CLOCK.replace("mine.clock", "openclaw.timestamp"))
    ran = verb("check")
    assert (ran.code, ran.out) == (1, "")
    b, c, d, e, f = ran.err.splitlines()
    assert b.startswith("b-key.toml: rule 'mine.b': unknown key `titel`")
    assert "did you mean `title`?" in b
    assert c.startswith("c-example.toml: rule 'mine.c': example 1 ")
    assert d.startswith("d-toml.toml: this is not valid TOML")
    assert e == "e-double.toml: the id 'mine.clock' is taken by a-good.toml; choose another."
    assert f.startswith("f-shipped.toml: the id 'openclaw.timestamp' is taken by openclaw.toml")


def test_named_files_are_checked_wherever_they_are(tmp_path: Path) -> None:
    own("mine.toml", "broken, and not asked for")
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(CLOCK)
    bad.write_text(CLOCK.replace("mine.clock", "mine.bad").replace("pattern =", "patern ="))
    assert verb("check", good).code == 0
    both = verb("check", good, bad)
    assert both.code == 1
    assert both.err.startswith("bad.toml: rule 'mine.bad': look 1: unknown key `patern`")
    assert both.err.count("\n") == 1
    bad.unlink()
    (tmp_path / ".hidden.toml").write_text("nonsense")
    assert verb("check", tmp_path).out == "1 file, 1 rule: fine, examples and all.\n"


def test_a_file_without_rules_is_not_called_fine() -> None:
    own("empty.toml", "# nothing yet\n")
    ran = verb("check")
    assert (ran.code, ran.out) == (0, "1 file, 0 rules: nothing to check; a rule begins with [[rule]].\n")


def test_a_client_that_nobody_is_recognized_as_is_told() -> None:
    own("a.toml", CLOCK.replace("title =", 'client = "opencla"\ntitle ='))
    own("b.toml", CLOCK.replace("mine.clock", "mine.b").replace("title =", 'client = "cline"\ntitle ='))
    ran = verb("check")
    assert (ran.code, ran.out) == (1, "")
    (line,) = ran.err.splitlines()
    assert line.startswith("a.toml: rule 'mine.clock': no client is recognized as 'opencla'")
    assert line.endswith("did you mean `openclaw`?")


def test_a_file_that_is_named_twice_is_read_once_and_a_pipe_is_no_file(tmp_path: Path) -> None:
    good = tmp_path / "good.toml"
    good.write_text(CLOCK)
    assert verb("check", good, good, tmp_path) == (0, "1 file, 1 rule: fine, examples and all.\n", "")
    assert verb("check", "/dev/null").err.startswith("null: it is no plain file")


def test_a_file_that_is_not_there_is_misuse(tmp_path: Path) -> None:
    ran = verb("check", tmp_path / "none.toml")
    assert ran.code == 2
    assert "does not exist" in ran.err
