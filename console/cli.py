"""The command line. Exit codes: 0 fine, 1 the check failed, 2 misuse."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from console.doctor import doctor
from console.options import LEVEL, engine_options, load, over
from console.rules_verbs import rules
from console.verbs.check import check
from console.verbs.diff import diff
from console.verbs.export import export
from console.verbs.inspect import inspect
from console.verbs.journal import journal
from console.verbs.replay import replay
from proxy_core import __version__, paths
from proxy_core.errors import ConfigError, KvconsoleError

if TYPE_CHECKING:
    from proxy_core.engine import Inputs
    from proxy_core.prompt import Api
    from proxy_core.rules.rule import Level
    from proxy_core.settings import Loaded

# Nothing else is imported until it is needed: `kvconsole --help` should not wait for a TUI.

_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a write to standard output, or to a file that was asked for, fails with where the disk is at fault."""


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kvconsole")
@engine_options
@click.pass_context
def cli(context: click.Context, /, **typed: Any) -> None:
    """Keep llama-server's prompt cache hitting behind an agent client.

    Without a command, opens the console: a proxy that clients talk to in place of llama-server, and a screen
    that shows, turn by turn, what was reused.
    """
    context.obj = typed
    if context.invoked_subcommand is None:
        context.exit(_open(load(typed)))


@cli.command()
@engine_options
@click.pass_obj
def serve(outer: dict[str, Any], /, **typed: Any) -> None:
    """Run the proxy without a screen, one line per request on stderr."""
    sys.exit(_serve(load(over(outer, typed))))


# What stands behind the program's name is the program's, also without `--` before it.
@cli.command(context_settings={"allow_interspersed_args": False})
@engine_options
@click.option("--headless", is_flag=True, help="Without a screen, as serve does.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def run(outer: dict[str, Any], /, command: tuple[str, ...], headless: bool, **typed: Any) -> None:
    """Start a llama-server, read its output, and stop it at the end.

    \b
    kvconsole run -- llama-server -m model.gguf --port 8080
    """
    from proxy_core.child import Child, upstream_of

    loaded = load(over(outer, typed))
    if loaded.sources["upstream"] == "default":
        loaded = load({**over(outer, typed), "upstream": upstream_of(command)})
    start = _serve if headless else _open
    sys.exit(start(loaded, child=Child(command)))


@cli.command()
@click.option("--headless", is_flag=True, help="Print a table and exit.")
@click.option(
    "--api", type=click.Choice(["chat", "responses", "messages"]), default="chat", show_default=True
)
@LEVEL
@click.pass_obj
def demo(outer: dict[str, Any], headless: bool, api: Api, level: Level | None) -> None:
    """Show the whole thing on a tiny model: no download, no GPU."""
    from console.demo import show

    if over({}, {**outer, "level": None}):
        raise click.UsageError(
            "The demo brings its own server and settings: it takes none of the proxy's options."
        )
    if not headless:
        _need_terminal("kvconsole demo --headless prints a table instead.")
    start = show.headless if headless else show.on_screen
    sys.exit(start(api, level or outer["level"] or "safe"))


@cli.group()
def config() -> None:
    """Look at the configuration."""


@config.command("path")
@click.pass_context
def config_path(context: click.Context) -> None:
    """Print where kvconsole looks for its files."""
    named = context.find_root().obj["config"] or os.environ.get("KVCONSOLE_CONFIG")
    for name, path in (
        ("configuration", Path(named) if named else paths.config_file()),
        ("rules", paths.rules_dir()),
        ("themes", paths.themes_dir()),
        ("state", paths.state_file()),
        ("lanes", paths.lanes_file()),
        ("journal", paths.journal_file()),
    ):
        click.echo(f"{name:<14}{path}{'' if path.exists() else '  (not there yet)'}")


@config.command("show")
@engine_options
@click.pass_context
def config_show(context: click.Context, /, **typed: Any) -> None:
    """Print the settings in force, as TOML, each with its source."""
    from proxy_core.settings import show_settings

    outer: dict[str, Any] = context.find_root().obj
    click.echo(show_settings(load(over(outer, typed))), nl=False)


@config.command("validate")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def config_validate(context: click.Context, file: Path | None) -> None:
    """Check a configuration file, the environment, and the rule and theme files.

    Exits with 1 if any of them is wrong.
    """
    outer: dict[str, Any] = context.find_root().obj
    problems = _check({**outer, "config": file or outer["config"]})
    for problem in problems:
        _complain(problem)
    if problems:
        sys.exit(1)
    click.echo("The configuration, the rules and the themes are fine.")


cli.add_command(check)
cli.add_command(diff)
cli.add_command(doctor)
cli.add_command(export)
cli.add_command(inspect)
cli.add_command(journal)
cli.add_command(replay)
cli.add_command(rules)


def main(args: Sequence[str] | None = None) -> None:
    """Entry point: errors become a sentence on stderr and an exit code."""
    _undo_on_signals()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding.lower() not in ("utf-8", "utf8"):
        # A terminal of another alphabet shows a question mark rather than nothing at all.
        sys.stdout.reconfigure(errors="replace")
    try:
        code = cli.main(args, prog_name="kvconsole", standalone_mode=False)
    except KvconsoleError as error:
        _complain(error)
        code = 2
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = 128 + signal.SIGINT
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        _complain(KvconsoleError(f"The output cannot be written: {error.strerror}.", title="Output"))
        # What is still in the buffer would fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
    sys.exit(code)


def _undo_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the program as an exception does, so that what was begun is undone.

    One that is ignored from the start stays ignored: so nohup asks for it.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _check(typed: dict[str, Any]) -> list[KvconsoleError]:
    """Everything that is wrong with the files that a person can write."""
    from console.launch import need_theme
    from console.themes import load_themes
    from proxy_core.rules import load_rules

    themes, broken = load_themes(paths.themes_dir())
    problems: list[KvconsoleError] = [*broken]
    try:
        load_rules(paths.rules_dir())
    except KvconsoleError as error:
        problems.insert(0, error)
    try:
        need_theme(load(typed).settings.theme, themes, ())
    except KvconsoleError as error:
        problems.insert(0, error)
    return problems


def _complain(error: KvconsoleError) -> None:
    click.echo(f"{error.title}: {error.message}", err=True)


def _open(loaded: Loaded, **inputs: Any) -> int:
    from console.launch import open_console

    piped = _take_stdin(loaded)
    _need_terminal("kvconsole serve runs the proxy without a screen.")
    return open_console(loaded, _inputs(piped, **inputs))


def _serve(loaded: Loaded, **inputs: Any) -> int:
    from console.serve import serve as serve_headless

    stdin = None
    if "-" in loaded.settings.log:
        _need_pipe()
        stdin = 0
    return serve_headless(loaded.settings, _inputs(stdin, **inputs))


def _inputs(stdin: int | None, **inputs: Any) -> Inputs:
    from proxy_core.engine import Inputs

    return Inputs(stdin=stdin, **inputs)


def _take_stdin(loaded: Loaded) -> int | None:
    """With `--log -`, move the pipe aside and give the keyboard back to descriptor 0.

    Raises:
        ConfigError: Standard input is the terminal itself, or there is no terminal to read keys from.
    """
    if "-" not in loaded.settings.log:
        return None
    _need_pipe()
    try:
        keyboard = os.open("/dev/tty", os.O_RDWR)
    except OSError as error:
        raise ConfigError(
            "--log - takes standard input, and there is no terminal to read keys from. "
            "kvconsole serve --log - runs without a screen."
        ) from error
    piped = os.dup(0)
    os.dup2(keyboard, 0)
    os.close(keyboard)
    return piped


def _need_pipe() -> None:
    # Python sets sys.stdin to None when descriptor 0 is closed.
    if sys.stdin is None or os.isatty(0):
        raise ConfigError("--log - reads a log that is piped in: llama-server … 2>&1 | kvconsole --log -")


def _need_terminal(instead: str) -> None:
    # The screen is drawn on standard error, measured on standard output, and keys come from standard input.
    for number, name in enumerate(("input", "output", "error")):
        if not os.isatty(number):
            raise ConfigError(
                f"The console needs a terminal, and standard {name} is none. {instead}", title="No terminal"
            )
