"""`kvconsole rules new`: a rule file to begin with."""

from __future__ import annotations

import re
import shlex
from importlib import resources
from pathlib import Path
from typing import Any

from console.rules_verbs.book import open_book, pack_of
from console.rules_verbs.toml_text import table_lines
from proxy_core import paths
from proxy_core.errors import ConfigError

_ID = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")

_HEAD = """\
# A rule of your own. A kvconsole that runs reads this file again whenever it changes.
#
# What is wrong with it, if anything:   kvconsole rules check
# What it makes of a request:           kvconsole rules test @ID@ body.json
# All keys there are, for your editor:  kvconsole rules schema
#
# Patterns are RE2, as in Go: no look-around, no back-references. Write them in '…', where a backslash is one.
"""


def write(typed: dict[str, Any], rule_id: str, template: str, client: str | None) -> str:
    """Write a starter file into the person's rules directory; gives what to tell them.

    Raises:
        KvconsoleError: The id is no id or taken, no rules are written for the client, or the file is there
            already or cannot be written.
    """
    book = open_book(typed)
    if not _ID.fullmatch(rule_id):
        raise ConfigError(
            f"{rule_id!r} is no id: it is made of small letters, digits, dots and dashes, as in mine.clock.",
            title="Rules",
        )
    taken = book.rules.get(rule_id)
    if taken is not None:
        raise ConfigError(f"The id {rule_id!r} is taken by {taken.source}; choose another.", title="Rules")
    if client is not None:
        book.need_client(client)
    file = paths.rules_dir() / f"{rule_id}.toml"
    _create(file, starter(rule_id, template, client))
    quoted = shlex.quote(rule_id)
    return (
        f"{file}\n\nChange it to what you need, then:\n\n"
        f"  kvconsole rules check\n  kvconsole rules test {quoted} body.json"
    )


def starter(rule_id: str, template: str, client: str | None) -> str:
    """A rule file that is valid as it is.

    Args:
        rule_id: The rule's id.
        template: One of `TEMPLATES`.
        client: Whom it is for; None for all. How that client decorates messages is written into the file.
    """
    text = (resources.files("console.rules_verbs.templates") / f"{template}.toml").read_text("utf-8")
    frames = pack_of(client) if client is not None and "@FRAME@" in text else {}
    # A file's frames are its own: a rule cannot name those of another file.
    head = [_HEAD]
    for name, frame in frames.items():
        head += [f"# How {client} decorates a message; a look that names it begins behind that."]
        head += [*table_lines(f"[frames.{name}]", frame), ""]
    frame_line = f'frame = "{next(iter(frames))}"\n' if frames else ""
    text = text.replace("@FRAME@\n", frame_line)
    whole = "\n".join([*head, text])
    return whole.replace("@ID@", rule_id).replace("@CLIENT@", client or "any")


def _create(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Only if it is not there, in one step: a person's file is never overwritten.
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(text, encoding="utf-8")
    except FileExistsError as error:
        raise ConfigError(f"{file} is there already; nothing was written.", title="Rules") from error
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}.", title="Rules") from error
