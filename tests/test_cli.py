"""The command line: options, precedence, sentences and exit codes."""

from __future__ import annotations

import errno
import os
import pty
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from console.cli import cli
from proxy_core import __version__
from tests.console_process import BOUND, COMMAND, finished, serving

_OPTIONS = ("--upstream", "--listen", "--log", "--config", "--no-rules", "--level")


@pytest.fixture
def config_dir(isolated_home: Path) -> Path:
    """Where this test's kvconsole looks for its files."""
    folder = isolated_home / "config"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def taken() -> Iterator[str]:
    """HOST:PORT on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield f"127.0.0.1:{other.getsockname()[1]}"


def _shown(*args: str) -> tuple[dict[str, object], dict[str, str]]:
    """The settings that `config show` prints, and the source of each."""
    ran = CliRunner().invoke(cli, args, catch_exceptions=False)
    assert ran.exit_code == 0
    lines = [line.partition("  # ") for line in ran.stdout.splitlines() if " = " in line]
    return tomllib.loads(ran.stdout), {line[0].split(" = ")[0]: line[2] for line in lines}


@pytest.mark.parametrize("args", [(), ("serve",), ("run",)])
def test_help_tells_every_option_of_the_proxy(args: tuple[str, ...]) -> None:
    for spelling in ("--help", "-h"):
        ran = CliRunner().invoke(cli, [*args, spelling])
        assert ran.exit_code == 0
        assert all(option in ran.stdout for option in _OPTIONS)
    assert "http://127.0.0.1:8080" in ran.stdout
    assert "127.0.0.1:1234" in ran.stdout


def test_help_names_the_commands() -> None:
    top = CliRunner().invoke(cli, ["--help"]).stdout
    assert all(f"\n  {command} " in top for command in ("config", "demo", "rules", "run", "serve"))
    assert "..." not in top.partition("\nCommands:\n")[2], "a line of the list is cut at 80 columns"
    of_config = CliRunner().invoke(cli, ["config", "--help"]).stdout
    assert all(f"\n  {command} " in of_config for command in ("path", "show", "validate"))
    assert "kvconsole run -- llama-server -m model.gguf" in CliRunner().invoke(cli, ["run", "--help"]).stdout


def test_help_does_not_wait_for_what_it_does_not_need() -> None:
    script = """
import sys
from console.cli import main
try:
    main(["--help"])
finally:
    heavy = {"textual", "rich", "uvicorn", "fastapi", "httpx", "pydantic", "re2"}
    print("imported:", sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=BOUND)
    assert ran.returncode == 0
    assert ran.stderr == "imported: []\n"


def test_version() -> None:
    ran = finished("--version")
    assert (ran.returncode, ran.stdout) == (0, f"kvconsole, version {__version__}\n")


def test_flag_beats_environment_beats_file_beats_default(
    config_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config_dir / "kvconsole.toml").write_text(
        'upstream = "http://file:1"\nlisten = "127.0.0.1:1"\ntheme = "kvconsole-light"\n'
    )
    monkeypatch.setenv("KVCONSOLE_UPSTREAM", "http://environment:2")
    monkeypatch.setenv("KVCONSOLE_LISTEN", "127.0.0.1:2")
    values, sources = _shown("config", "show", "--upstream", "http://flag:3", "--no-rules")
    assert values["upstream"] == "http://flag:3"
    assert values["listen"] == "127.0.0.1:2"
    assert values["theme"] == "kvconsole-light"
    assert values["history"] == 500
    assert values["rules"] is False
    assert sources == dict.fromkeys(sources, "default") | {
        "upstream": "flag",
        "listen": "environment KVCONSOLE_LISTEN",
        "theme": "file",
        "rules": "flag",
    }


def test_options_stand_before_or_after_the_command() -> None:
    assert _shown("--listen", "127.0.0.1:7", "config", "show")[0]["listen"] == "127.0.0.1:7"
    assert _shown("config", "show", "--listen", "127.0.0.1:7")[0]["listen"] == "127.0.0.1:7"
    both = _shown("--listen", "127.0.0.1:7", "--no-rules", "config", "show", "--listen", "127.0.0.1:8")[0]
    assert both["listen"] == "127.0.0.1:8"
    assert both["rules"] is False


def test_the_level_is_an_option_of_everything_that_runs_rules() -> None:
    values, sources = _shown("config", "show", "--level", "careful")
    assert (values["level"], sources["level"]) == ("careful", "flag")
    assert _shown("--level", "aggressive", "config", "show")[0]["level"] == "aggressive"
    assert "--level" in CliRunner().invoke(cli, ["demo", "--help"]).stdout
    wrong = CliRunner().invoke(cli, ["serve", "--level", "reckless"])
    assert wrong.exit_code == 2
    assert "'reckless' is not one of 'safe', 'careful', 'aggressive'" in wrong.stderr


def test_log_is_repeatable() -> None:
    assert _shown("config", "show", "--log", "a.log", "--log", "b.log")[0]["log"] == ["a.log", "b.log"]


def test_config_names_another_file(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("history = 77\n")
    assert _shown("--config", str(tmp_path / "other.toml"), "config", "show")[0]["history"] == 77


@pytest.mark.parametrize("command", [("serve",), ("config", "show"), ("run", "--", "true"), ()])
def test_a_wrong_key_is_named_with_its_place_and_the_nearest_key(
    config_dir: Path, command: tuple[str, ...]
) -> None:
    file = config_dir / "kvconsole.toml"
    file.write_text('# mine\nupstraem = "http://127.0.0.1:9"\nhistory = "many"\n')
    ran = finished(*command)
    assert ran.returncode == 2
    assert f'{file}, line 2: unknown key "upstraem". Did you mean "upstream"?' in ran.stderr
    assert f'{file}, line 3: history = "many": must be a whole number.' in ran.stderr
    assert ran.stdout == ""


def test_a_wrong_flag_or_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVCONSOLE_HISTORY", "few")
    ran = finished("serve", "--upstream", "localhost")
    assert ran.returncode == 2
    assert 'environment variable KVCONSOLE_HISTORY = "few"' in ran.stderr
    assert '--upstream "localhost": must begin with http://' in ran.stderr


@pytest.mark.parametrize(
    "args", [("serve", "--uptsream", "http://x"), ("run", "--uptsream", "x", "--", "ls")]
)
def test_a_misspelt_option_is_misuse(args: tuple[str, ...]) -> None:
    ran = finished(*args)
    assert ran.returncode == 2
    assert "No such option '--uptsream'. Did you mean '--upstream'?" in ran.stderr


def test_a_port_that_is_taken_is_named_with_what_to_do(taken: str) -> None:
    for args in (("serve", "--listen", taken), ("--listen", taken, "run", "--headless", "--", "sleep", "60")):
        ran = finished(*args)
        assert ran.returncode == 2
        assert f"{taken} is taken by another program" in ran.stderr
        assert "--listen 127.0.0.1:" in ran.stderr


@pytest.mark.parametrize(
    ("args", "instead"),
    [
        ((), "kvconsole serve"),
        (("demo",), "kvconsole demo --headless"),
        (("--log", "x.log"), "kvconsole serve"),
    ],
)
def test_without_a_terminal_it_says_what_works_without_one(args: tuple[str, ...], instead: str) -> None:
    ran = finished(*args)
    assert ran.returncode == 2
    assert ran.stderr.startswith("No terminal: The console needs a terminal")
    assert instead in ran.stderr


def test_without_a_terminal_no_child_is_started(tmp_path: Path) -> None:
    ran = finished("run", "--", "touch", str(tmp_path / "started"))
    assert ran.returncode == 2
    assert "No terminal" in ran.stderr
    assert not (tmp_path / "started").exists()


def test_standard_error_in_a_file_is_no_terminal_to_draw_on() -> None:
    keyboard, screen = pty.openpty()
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "console"],
            stdin=screen,
            stdout=screen,
            stderr=subprocess.PIPE,
            text=True,
            timeout=BOUND,
        )
    finally:
        os.close(keyboard)
        os.close(screen)
    assert ran.returncode == 2
    assert "standard error is none" in ran.stderr


@pytest.mark.parametrize("command", ["serve", "console"])
def test_a_log_from_a_keyboard_is_refused(command: str) -> None:
    keyboard, screen = pty.openpty()
    try:
        args = ["--listen", "127.0.0.1:0", "--log", "-"]
        ran = finished(*(["serve", *args] if command == "serve" else args), stdin=screen)
    finally:
        os.close(keyboard)
        os.close(screen)
    assert ran.returncode == 2
    assert "llama-server … 2>&1 | kvconsole --log -" in ran.stderr


def test_an_unreadable_log_is_told_and_the_proxy_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path, "serve", "--log", str(tmp_path)) as running:
        told = running.wait_for(r"^warning: Log: (.*)$")[1]
        assert told.startswith(f"The log {tmp_path} cannot be read: ")
        assert "Pass --log a plain file" in told
        assert running.process.poll() is None


def test_what_stands_behind_the_program_is_the_programs() -> None:
    ran = finished("--listen", "127.0.0.1:0", "run", "--headless", "/no/such/server", "--listen", "nonsense")
    assert ran.returncode == 2
    assert "There is no program '/no/such/server'. Give its full path" in ran.stderr


def test_run_needs_a_program() -> None:
    ran = finished("run")
    assert ran.returncode == 2
    assert "Missing argument 'COMMAND...'" in ran.stderr


def test_the_demo_refuses_the_proxys_options() -> None:
    ran = finished("--upstream", "http://127.0.0.1:9", "demo", "--headless")
    assert ran.returncode == 2
    assert "The demo brings its own server and settings" in ran.stderr


def test_config_path_tells_where_everything_lives(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*args: str) -> dict[str, str]:
        ran = CliRunner().invoke(cli, [*args, "config", "path"], catch_exceptions=False)
        return dict(line.split(maxsplit=1) for line in ran.stdout.splitlines())

    config, state = isolated_home / "config", isolated_home / "state"
    (config / "rules").mkdir(parents=True)
    assert told() == {
        "configuration": f"{config / 'kvconsole.toml'}  (not there yet)",
        "rules": str(config / "rules"),
        "themes": f"{config / 'themes'}  (not there yet)",
        "state": f"{state / 'state.json'}  (not there yet)",
        "lanes": f"{state / 'lanes.sqlite'}  (not there yet)",
        "journal": f"{state / 'journal.sqlite'}  (not there yet)",
    }
    monkeypatch.setenv("KVCONSOLE_CONFIG", "/named/by/variable.toml")
    assert told()["configuration"] == "/named/by/variable.toml  (not there yet)"
    assert told("--config", "/named/by/flag.toml")["configuration"] == "/named/by/flag.toml  (not there yet)"


def test_validate_is_content_with_what_is_right(config_dir: Path, tmp_path: Path) -> None:
    (config_dir / "kvconsole.toml").write_text('theme = "kvconsole-light"\n')
    (tmp_path / "other.toml").write_text("history = 20\n")
    for args in ((), (str(tmp_path / "other.toml"),)):
        ran = finished("config", "validate", *args)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert "fine" in ran.stdout


def test_validate_names_everything_that_is_wrong_and_fails(config_dir: Path) -> None:
    (config_dir / "kvconsole.toml").write_text("\nhistroy = 20\n")
    for name in ("rules", "themes"):
        (config_dir / name).mkdir()
        (config_dir / name / "broken.toml").write_text("[[[\n")
    ran = finished("config", "validate")
    assert ran.returncode == 1
    config, rules, themes = ran.stderr.splitlines()
    assert config.endswith('kvconsole.toml, line 2: unknown key "histroy". Did you mean "history"?')
    assert rules.startswith("Rules: broken.toml")
    assert themes.startswith("Theme: broken.toml")
    assert "fine" not in ran.stdout


def test_validate_checks_the_named_file_alone(config_dir: Path, tmp_path: Path) -> None:
    (config_dir / "kvconsole.toml").write_text("histroy = 20\n")
    (tmp_path / "good.toml").write_text("history = 20\n")
    (tmp_path / "bad.toml").write_text("history = 2\n")
    assert finished("config", "validate", str(tmp_path / "good.toml")).returncode == 0
    bad = finished("config", "validate", str(tmp_path / "bad.toml"))
    assert bad.returncode == 1
    assert "bad.toml, line 1: history = 2: must be at least 10." in bad.stderr


def test_validate_knows_the_themes(config_dir: Path) -> None:
    (config_dir / "kvconsole.toml").write_text('theme = "purple"\n')
    ran = finished("config", "validate")
    assert ran.returncode == 1
    assert "There is no theme 'purple'. Known: kvconsole-dark, kvconsole-light." in ran.stderr


def test_validating_a_file_that_is_not_there_is_misuse(tmp_path: Path) -> None:
    ran = finished("config", "validate", str(tmp_path / "none.toml"))
    assert ran.returncode == 2
    assert "does not exist" in ran.stderr


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_output_that_the_disk_does_not_take_is_told_in_a_sentence(number: int) -> None:
    script = f"""
from console import cli

def fails(*_, **__):
    raise OSError({number}, "the reason")

cli.cli.main = fails
cli.main([])
"""
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=BOUND, check=False)
    assert (ran.returncode, ran.stderr) == (1, "Output: The output cannot be written: the reason.\n")


def test_a_full_disk_is_told_in_a_sentence() -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [*COMMAND, "rules", "list"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=BOUND
        )
    assert ran.returncode == 1
    assert "The output cannot be written: No space left on device." in ran.stderr
    assert "Traceback" not in ran.stderr
