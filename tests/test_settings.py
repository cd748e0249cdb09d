from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from proxy_core.errors import ConfigError
from proxy_core.rules.rule import Level
from proxy_core.settings import Settings, load_settings, show_settings


@pytest.fixture(autouse=True)
def config_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A configuration directory of the test's own, so that a person's own file cannot matter."""
    monkeypatch.setenv("KVCONSOLE_CONFIG_DIR", str(tmp_path))
    return tmp_path


def _file(directory: Path, text: str) -> Path:
    path = directory / "kvconsole.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _problems(flags: dict[str, object], environ: dict[str, str], config: Path | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(flags, config=config, environ=environ)
    return caught.value.message.split("\n")


def test_defaults_without_file_environment_or_flags() -> None:
    loaded = load_settings({}, environ={"PATH": "/bin"})
    assert loaded.file is None
    assert loaded.settings == Settings()
    assert (loaded.settings.listen_host, loaded.settings.listen_port) == ("127.0.0.1", 1234)
    assert loaded.settings.body_limit == 64 * 1024 * 1024
    assert set(loaded.sources) == set(Settings.model_fields)
    assert set(loaded.sources.values()) == {"default"}


def test_flag_beats_environment_beats_file_beats_default(config_dir: Path) -> None:
    _file(config_dir, 'listen = "1"\ntheme = "file"\nhistory = 11\n')
    environ = {"KVCONSOLE_LISTEN": "2", "KVCONSOLE_THEME": "environment"}
    loaded = load_settings({"listen": "3"}, environ=environ)
    assert loaded.settings.listen == "127.0.0.1:3"
    assert loaded.settings.theme == "environment"
    assert loaded.settings.history == 11
    wanted = {
        "listen": "flag",
        "theme": "environment KVCONSOLE_THEME",
        "history": "file",
        "rules": "default",
    }
    assert {key: loaded.sources[key] for key in wanted} == wanted


def test_the_file_is_the_named_one_then_the_variable_then_the_usual_place(config_dir: Path) -> None:
    usual = _file(config_dir, 'theme = "usual"')
    other = config_dir / "other.toml"
    other.write_text('theme = "other"')
    named = config_dir / "named.toml"
    named.write_text('theme = "named"')
    environ = {"KVCONSOLE_CONFIG": str(other)}
    assert load_settings({}, environ={}).file == usual
    assert load_settings({}, environ=environ).settings.theme == "other"
    assert load_settings({}, config=named, environ=environ).settings.theme == "named"


def test_a_named_file_that_is_missing_is_an_error(config_dir: Path) -> None:
    missing = config_dir / "missing.toml"
    assert "no such file" in _problems({}, {}, missing)[0]
    assert str(missing) in _problems({}, {"KVCONSOLE_CONFIG": str(missing)})[0]


def test_the_process_environment_is_read_unless_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVCONSOLE_THEME", "from-process")
    assert load_settings({}).settings.theme == "from-process"
    assert load_settings({}, environ={}).settings.theme == "kvconsole-dark"


def test_environment_text_becomes_values() -> None:
    environ = {
        "KVCONSOLE_LOG": os.pathsep.join(["one.log", "", "-"]),
        "KVCONSOLE_RULES": "Off",
        "KVCONSOLE_HISTORY": "20",
        "KVCONSOLE_CONNECT_TIMEOUT": "2.5",
        "KVCONSOLE_BODY_LIMIT": "10 MB",
        "KVCONSOLE_MAX_BODIES": "1000",
        "KVCONSOLE_THEME": "",
    }
    got = load_settings({}, environ=environ).settings
    assert (got.log, got.rules, got.history, got.connect_timeout) == (("one.log", "-"), False, 20, 2.5)
    assert (got.body_limit, got.max_bodies, got.theme) == (10_000_000, 1000, "kvconsole-dark")


def test_the_level_comes_from_every_source(config_dir: Path) -> None:
    assert load_settings({}, environ={}).settings.level == "safe"
    _file(config_dir, 'level = "careful"\nflips = "new-lanes"\n')
    loaded = load_settings({}, environ={})
    assert (loaded.settings.level, loaded.settings.flips) == ("careful", "new-lanes")
    assert load_settings({}, environ={"KVCONSOLE_LEVEL": "aggressive"}).settings.level == "aggressive"
    assert load_settings({"level": "safe"}, environ={"KVCONSOLE_LEVEL": "careful"}).settings.level == "safe"


def test_a_level_that_does_not_exist_is_named_with_those_that_do(config_dir: Path) -> None:
    path = _file(config_dir, 'level = "reckless"\nflips = 1\n')
    assert _problems({"level": "Safe"}, {"KVCONSOLE_LEVEL": "2"}) == [
        f"{path}, line 1: level = \"reckless\": must be 'safe', 'careful' or 'aggressive'.",
        f"{path}, line 2: flips = 1: must be 'now' or 'new-lanes'.",
        "environment variable KVCONSOLE_LEVEL = \"2\": must be 'safe', 'careful' or 'aggressive'.",
        "--level \"Safe\": must be 'safe', 'careful' or 'aggressive'.",
    ]


@pytest.mark.parametrize(
    ("flags", "remembered", "level"),
    [
        ({}, None, "safe"),
        ({}, "careful", "careful"),
        ({"level": "aggressive"}, None, "aggressive"),
        ({"level": "aggressive"}, "careful", "aggressive"),
        ({"level": "safe"}, "careful", "safe"),
    ],
)
def test_a_level_that_was_set_beats_the_one_chosen_in_the_console(
    flags: dict[str, object], remembered: Level | None, level: Level
) -> None:
    assert load_settings(flags, environ={}).settings.level_or(remembered) == level


def test_logs_of_a_file_are_beside_it(
    config_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", "/home/of-a-test")
    (tmp_path / "sub").mkdir()
    _file(tmp_path / "sub", 'log = ["a.log", "-", "/abs.log", "~/b.log"]')
    monkeypatch.chdir(tmp_path)
    got = load_settings({}, config=Path("sub/kvconsole.toml"), environ={}).settings
    assert got.log == (str(tmp_path / "sub" / "a.log"), "-", "/abs.log", "/home/of-a-test/b.log")
    assert load_settings({"log": ("a.log",)}, environ={}).settings.log == ("a.log",)


def test_every_problem_is_named_at_once(config_dir: Path) -> None:
    path = _file(
        config_dir,
        'upstrem = "http://x"\n\n# why\nlog = [\n]\nlisten = "localhost:99999"\nrules = "yes"\n'
        'history = "20"\ntheme = 3\nconnect_timeout = nan\nbody_limit = 0\nmax_bodies = "big"\n'
        "[server]\nport = 1\n",
    )
    environ = {"KVCONSOLE_LISTN": "1", "KVCONSOLE_HISTORY": "many", "KVCONSOLE_QQQ": "1"}
    assert _problems({"listen": "here", "rules": "no"}, environ) == [
        f'{path}, line 1: unknown key "upstrem". Did you mean "upstream"?',
        f'{path}, line 6: listen = "localhost:99999": port must be 0-65535.',
        f'{path}, line 7: rules = "yes": must be true or false.',
        f'{path}, line 8: history = "20": must be a whole number.',
        f"{path}, line 9: theme = 3: must be text in quotes.",
        f"{path}, line 10: connect_timeout = nan: must be a finite number.",
        f"{path}, line 11: body_limit = 0: must be more than 0.",
        f'{path}, line 12: max_bodies = "big": must be a number of bytes or a size such as '
        '"64 MiB" or "10 MB".',
        f"{path}, line 13: unknown table [server]. Settings stand at the top of the file, in no table.",
        'environment variable KVCONSOLE_HISTORY = "many": must be a whole number.',
        "environment variable KVCONSOLE_LISTN is not known. Did you mean KVCONSOLE_LISTEN?",
        "environment variable KVCONSOLE_QQQ is not known. Known: KVCONSOLE_CONFIG, KVCONSOLE_CONFIG_DIR, "
        "KVCONSOLE_STATE_DIR, "
        + ", ".join(f"KVCONSOLE_{key.upper()}" for key in Settings.model_fields)
        + ".",
        '--listen "here": needs a port, like 127.0.0.1:1234.',
        '--no-rules "no": must be true or false.',
    ]


def test_limits_are_told_in_plain_figures() -> None:
    assert _problems({"history": 9}, {}) == ["--history: must be at least 10."]
    assert _problems({"history": 10**9}, {}) == ["--history: must be at most 100000."]
    assert _problems({"connect_timeout": 0.0}, {}) == ["--connect-timeout: must be more than 0."]
    assert _problems({"theme": ""}, {}) == ['--theme "": must not be empty.']


def test_a_wrong_value_is_an_error_even_when_overridden(config_dir: Path) -> None:
    _file(config_dir, 'listen = "nowhere"')
    assert "line 1" in _problems({"listen": "1234"}, {})[0]


def test_the_variables_that_name_places_are_no_settings(config_dir: Path) -> None:
    path = _file(config_dir, "history = 12")
    environ = {"KVCONSOLE_CONFIG": str(path), "KVCONSOLE_CONFIG_DIR": "x", "KVCONSOLE_STATE_DIR": "y"}
    assert load_settings({}, environ=environ).settings.history == 12


def test_passwords_and_control_characters_stay_out_of_messages(config_dir: Path) -> None:
    _file(config_dir, 'upstream = "http://me:secret@host"\n"\\u001b[2J" = 1\n')
    problems = _problems({"upstream": "http://me:secret@host"}, {"KVCONSOLE_\x1b": "1"})
    assert len(problems) == 4
    assert all(problem.isprintable() and "secret" not in problem for problem in problems)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().rules = False


def test_shown_settings_name_their_sources_and_load_again(config_dir: Path) -> None:
    path = _file(config_dir, 'body_limit = "10 MB"\nlog = ["a\\u001b.log"]\n')
    first = load_settings({"rules": False}, environ={"KVCONSOLE_LISTEN": "[::1]:9"})
    text = show_settings(first)
    lines = {line.split(" ")[0]: line for line in text.splitlines()}
    assert lines["#"] == f"# file: {path}"
    assert lines["listen"].startswith('listen = "[::1]:9" ')
    assert lines["listen"].endswith("# environment KVCONSOLE_LISTEN")
    assert lines["rules"].startswith("rules = false ")
    assert lines["rules"].endswith("# flag")
    assert lines["log"].endswith("# file")
    assert lines["max_bodies"].startswith('max_bodies = "256 MiB" ')
    assert lines["max_bodies"].endswith("# default")
    assert load_settings({}, config=_file(config_dir, text), environ={}).settings == first.settings


def _message(environ: dict[str, str], config: Path | None = None) -> str:
    """Empty if the settings load; any other exception than ConfigError fails the test."""
    try:
        load_settings({}, config=config, environ=environ)
    except ConfigError as error:
        return error.message
    return ""


_KEYS = st.sampled_from([*Settings.model_fields, "[log]", "[[rules]]", "theme.x", "zzz", '"listen"'])
_VALUES = st.sampled_from(
    [
        "1",
        "0x" + "f" * 6000,
        "inf",
        "true",
        '"1234"',
        '"~x"',
        '"http://h/"',
        "[[[]]]",
        "{a=1}",
        "1979-05-27",
        "'''\n'",
    ]
)
_LINES = st.one_of(
    st.builds("{} = {}".format, _KEYS, _VALUES),
    _KEYS,
    st.text("[]{}=\"'#.,\\\n\t ahx1-:_Zé\0\x7f", max_size=20),
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(), st.lists(_LINES, max_size=6).map("\n".join)))
def test_any_text_loads_or_is_a_readable_error(text: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "kvconsole.toml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        lines = _message({}, path).splitlines()
    assert all(line.startswith(str(path)) and line.isprintable() for line in lines)


_ENVIRONMENT = st.dictionaries(
    st.sampled_from([f"KVCONSOLE_{key.upper()}" for key in Settings.model_fields]),
    st.text(st.characters(exclude_characters="\0"), max_size=20),
)


@settings(max_examples=100, deadline=None)
@given(_ENVIRONMENT)
def test_any_environment_loads_or_is_a_readable_error(environ: dict[str, str]) -> None:
    lines = _message(environ).splitlines()
    assert all(line.startswith("environment variable KVCONSOLE_") and line.isprintable() for line in lines)
    wrong = {line.split()[2] for line in lines}
    right = {name: text for name, text in environ.items() if name not in wrong}
    sources = load_settings({}, environ=right).sources.values()
    assert {source for source in sources if source != "default"} == {
        f"environment {name}" for name, text in right.items() if text
    }


def test_import_touches_no_terminal_library() -> None:
    code = "import sys, proxy_core.settings, proxy_core.state; print({'textual', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
