"""Settings: a typed flag beats the environment, which beats the file, which beats the default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from proxy_core import paths
from proxy_core.config_file import nearest, read_config, unknown_key
from proxy_core.config_text import (
    MIB,
    read_files,
    read_listen,
    read_size,
    read_url,
    shown,
    size_text,
    split_listen,
    toml_value,
    visible,
)
from proxy_core.errors import ConfigError
from proxy_core.rules.rule import Level

Flips = Literal["now", "new-lanes"]
"""When a switched rule counts: at once, or only in conversations that begin after it."""

PREFIX = "KVCONSOLE_"
PLACES = ("KVCONSOLE_CONFIG", "KVCONSOLE_CONFIG_DIR", "KVCONSOLE_STATE_DIR")
"""Variables that say where files are; they are no settings."""

Size = Annotated[int, BeforeValidator(read_size), Field(gt=0)]
"""Bytes; written as a number or as text such as "64 MiB"."""

_TRUTH = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}
_SENTENCES = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text in quotes",
    "string_too_short": "must not be empty",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
}


class Settings(BaseSettings):
    """What a person can set, checked; build it with `load_settings`."""

    # Strict: text for a number in the file is a mistake worth naming, not something to convert.
    model_config = SettingsConfigDict(frozen=True, extra="forbid", strict=True)

    upstream: Annotated[str, BeforeValidator(read_url)] = "http://127.0.0.1:8080"
    """Base URL of llama-server, http or https, perhaps with a path prefix; no trailing slash."""

    listen: Annotated[str, BeforeValidator(read_listen)] = "127.0.0.1:1234"
    """HOST:PORT where clients connect; port 0 takes any free one. 127.0.0.1 keeps prompts on this machine."""

    log: Annotated[tuple[str, ...], BeforeValidator(read_files)] = ()
    """Files that llama-server logs to, which need not exist yet; `-` is standard input."""

    rules: bool = True
    """False passes every request through untouched."""

    level: Level = "safe"
    """How much rules may take; the rules of lower levels are on as well."""

    flips: Flips = "now"
    """Whether a switched rule counts at once, or only in conversations that begin after it. At once costs
    each conversation one cold prompt."""

    theme: Annotated[str, Field(min_length=1)] = "kvconsole-dark"
    """Name of the console's theme."""

    body_limit: Size = 64 * MIB
    """Largest request body in bytes; a longer one is answered with 413."""

    max_bodies: Size = 256 * MIB
    """Memory in bytes for the request bodies that are kept to be shown and compared."""

    history: Annotated[int, Field(ge=10, le=100_000)] = 500
    """Turns kept in memory."""

    journal: bool = True
    """Whether requests are kept on disk, for a console that is opened later and for the verbs that read the
    journal. False keeps everything in memory."""

    journal_days: Annotated[float, Field(gt=0, le=36500, allow_inf_nan=False)] = 7.0
    """Age in days at which requests leave the journal."""

    journal_size: Size = 512 * MIB
    """Size of the journal's file in bytes; the oldest requests make room."""

    connect_timeout: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 5.0
    """Seconds to wait for a connection to the upstream. Reading has no limit: a prefill may take long."""

    @property
    def listen_host(self) -> str:
        """Host or address to bind, IPv6 without brackets."""
        return split_listen(self.listen)[0]

    @property
    def listen_port(self) -> int:
        """Port to bind; 0 means any free one."""
        return split_listen(self.listen)[1]

    def level_or(self, remembered: Level | None) -> Level:
        """The level in force: one that was set, by whatever source, beats the one chosen in the console."""
        return self.level if remembered is None or "level" in self.model_fields_set else remembered

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what `load_settings` hands over: it alone can say which source a value came from."""
        return (init_settings,)


@dataclass(frozen=True)
class Loaded:
    """Settings in force, and where each one came from."""

    settings: Settings
    """Every setting, checked."""
    file: Path | None
    """The configuration file that was read, if any."""
    sources: Mapping[str, str]
    """By key: "flag", "environment KVCONSOLE_X", "file" or "default"."""


@dataclass(frozen=True)
class _Given:
    value: object
    source: str
    where: str
    problem: str | None = None


def load_settings(
    flags: Mapping[str, object], *, config: Path | None = None, environ: Mapping[str, str] | None = None
) -> Loaded:
    """Gather, check and merge all settings.

    A wrong value is an error even where a stronger source overrides it: it would surprise some day.

    Args:
        flags: By setting key, only what the person typed, as the fields hold it (`log` a tuple of text).
        config: The file that `--config` names; without it the one in `KVCONSOLE_CONFIG`, else
            `paths.config_file()` if it exists.
        environ: Replaces the process's environment; a variable that is set but empty counts as not set.

    Raises:
        ConfigError: One line for each problem: file and line, variable or flag, and the nearest right name.
    """
    environ = os.environ if environ is None else environ
    file = _config_path(config, environ)
    problems: list[str] = []
    merged: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, "default")
    for layer in (_from_file(file, problems), _from_environment(environ), _from_flags(flags)):
        merged |= _check(layer, problems)
        sources |= {key: given.source for key, given in layer.items()}
    if problems:
        raise ConfigError("\n".join(problems))
    return Loaded(Settings(**merged), file, MappingProxyType(sources))


def show_settings(loaded: Loaded) -> str:
    """The settings in force as TOML that can be read back, each line with a comment naming its source."""
    values = {key: getattr(loaded.settings, key) for key in Settings.model_fields}
    sizes = {key: size_text(values[key]) for key in ("body_limit", "max_bodies", "journal_size")}
    lines = {key: f"{key} = {sizes.get(key) or toml_value(value)}" for key, value in values.items()}
    width = min(48, max(map(len, lines.values())))
    head = f"# file: {visible(str(loaded.file)) if loaded.file else 'none'}"
    return "\n".join(
        [head, *(f"{line:<{width}}  # {loaded.sources[key]}" for key, line in lines.items()), ""]
    )


def _config_path(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    if config is None and (named := environ.get("KVCONSOLE_CONFIG")):
        config = Path(named)
    if config is not None:
        return config
    usual = paths.config_file()
    return usual if usual.exists() else None


def _from_file(path: Path | None, problems: list[str]) -> dict[str, _Given]:
    if path is None:
        return {}
    try:
        file = read_config(path)
    except ConfigError as error:
        problems.append(error.message)
        return {}
    layer = {}
    for key, value in file.values.items():
        known, place = key in Settings.model_fields, file.where(key)
        problem = None if known else f"{place}: {unknown_key(key, value, Settings.model_fields)}"
        where = f"{place}: {visible(key)} = {shown(value)}"
        layer[key] = _Given(_beside(path, value) if key == "log" else value, "file", where, problem)
    return layer


def _beside(path: Path, value: object) -> object:
    """Log names of a file are relative to that file, so that it means the same from every directory."""
    if isinstance(value, list):
        return [_beside(path, name) for name in value]
    if not isinstance(value, str) or value in ("", "-") or value.startswith("~"):
        return value
    return str(path.absolute().parent / value)


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Given]:
    layer = {}
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in PLACES or not text:
            continue
        key, problem = name.removeprefix(PREFIX).lower(), None
        if name != PREFIX + key.upper() or key not in Settings.model_fields:
            problem = f"environment variable {visible(name)} is not known. {_meant(name)}"
        where = f"environment variable {visible(name)} = {shown(text)}"
        layer[name if problem else key] = _Given(_from_text(key, text), f"environment {name}", where, problem)
    return layer


def _meant(name: str) -> str:
    variables = [*PLACES, *(PREFIX + key.upper() for key in Settings.model_fields)]
    # Compared without the prefix, which would make every name look alike.
    meant = nearest(name.removeprefix(PREFIX), [variable.removeprefix(PREFIX) for variable in variables])
    return f"Did you mean {PREFIX}{meant}?" if meant else f"Known: {', '.join(variables)}."


def _from_text(key: str, text: str) -> object:
    """The value that a variable's text means; text that means none is left for the check to name."""
    if key in ("rules", "journal"):
        return _TRUTH.get(text.lower(), text)
    if key == "log":
        return [name for name in text.split(os.pathsep) if name]
    convert = {"history": int, "connect_timeout": float, "journal_days": float}.get(key, str)
    try:
        return convert(text)
    except ValueError:
        return text


def _from_flags(flags: Mapping[str, object]) -> dict[str, _Given]:
    layer = {}
    for key, value in flags.items():
        name = f"--{'no-' if key in ('rules', 'journal') else ''}{key.replace('_', '-')}"
        layer[key] = _Given(value, "flag", f"{name} {shown(value)}" if isinstance(value, str) else name)
    return layer


def _check(layer: Mapping[str, _Given], problems: list[str]) -> dict[str, Any]:
    """The checked values of one source; what is wrong is added to `problems` in the source's order."""
    values: dict[str, Any] = {key: given.value for key, given in layer.items() if given.problem is None}
    wrong: dict[str, str] = {}
    try:
        checked = Settings(**values)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            sentence = _SENTENCES.get(detail["type"], "is not a value for this setting")
            wrong[str(detail["loc"][0])] = sentence.format(**detail.get("ctx", {}))
    for key, given in layer.items():
        if given.problem or key in wrong:
            problems.append(given.problem or f"{given.where}: {wrong[key]}.")
    return {} if wrong else {key: getattr(checked, key) for key in values}
