"""The page of one request: in the current directory, private, never over another file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from console.page import write_page
from proxy_core import paths
from proxy_core.captures import html_page
from proxy_core.errors import KvconsoleError
from proxy_core.journal import Entry, Key
from tests.journal.kit import conversation, entry, whole, write

KEY = "sk-proj-9fQ2mZr7Kd41XvTb0LwYcE8hUj6NaPsG"
FIRST, NAME = Key("3f9a12c4", 1), Key("3f9a12c4", 2)


def kept(*, before: bool = True) -> None:
    """A journal with two turns of one conversation, the second with a key in it; or with that one alone."""
    bodies = conversation(2)
    bodies[1] = bodies[1].replace(
        b'"stream":true', b'"stream":true,"user":"OPENAI_API_KEY=%s"' % KEY.encode()
    )
    turns = [_turn(number, body) for number, body in enumerate(bodies, 1)]
    paths.state_dir().mkdir(parents=True)
    write(paths.journal_file(), *turns[0 if before else 1 :])


def _turn(number: int, body: bytes) -> Entry:
    return entry(number, run="3f9a12c4", at=1_771_448_460.0 + number, bodies=whole(body))


def test_it_is_named_after_the_request_and_never_overwrites(tmp_path: Path) -> None:
    kept()
    files = [write_page(str(NAME), tmp_path)[0] for _ in range(3)]
    assert [file.name for file in files] == [f"kvconsole-{NAME}{end}.html" for end in ("", "-2", "-3")]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert files[0].read_text(encoding="utf-8").startswith("<!doctype html>")


def test_secrets_are_masked_and_counted(tmp_path: Path) -> None:
    kept()
    file, told = write_page(str(NAME), tmp_path)
    assert KEY not in file.read_text(encoding="utf-8")
    assert "are masked (1 string)" in told


def test_a_request_whose_predecessor_is_gone_has_a_page_of_its_own(tmp_path: Path) -> None:
    kept(before=False)
    file, _ = write_page(str(NAME), tmp_path)
    assert str(NAME) in file.read_text(encoding="utf-8")


def test_what_is_not_in_the_journal_leaves_no_file(tmp_path: Path) -> None:
    kept()
    with pytest.raises(KvconsoleError, match="3f9a12c4-9"):
        write_page("3f9a12c4-9", tmp_path)
    assert list(tmp_path.glob("kvconsole-3*")) == []


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    kept()
    with pytest.raises(KvconsoleError, match=r"No page can be written into .*nowhere"):
        write_page(str(NAME), tmp_path / "nowhere")


def test_a_full_disk_leaves_no_half_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept()

    def full(*_: object) -> list[str]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(html_page, "write", lambda *_: (full() for _ in range(1)))
    with pytest.raises(KvconsoleError, match="No space left on device"):
        write_page(str(NAME), tmp_path)
    assert list(tmp_path.glob("kvconsole-3*")) == []


@pytest.mark.parametrize("name", ["../3f9a12c4-2", "/etc/passwd", "3f9a12c4", ""])
def test_what_is_no_id_names_no_file(tmp_path: Path, name: str) -> None:
    kept()
    with pytest.raises(KvconsoleError, match="is no id of the journal"):
        write_page(name, tmp_path)
