"""How settings are written by people: addresses, sizes, files, and the TOML that shows them.

Every `read_*` function takes a value as TOML, the environment or a flag gave it, returns the one form that
the rest of kvconsole uses, and raises `ValueError` with what to say after the value: "port must be 0-65535".
"""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

KIB, MIB, GIB = 1024, 1024**2, 1024**3
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": KIB, "mib": MIB, "gib": GIB}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([a-z]{0,3})", re.IGNORECASE)
_SHOWN_LENGTH = 60


def read_url(value: object) -> str:
    """The upstream's base URL without a trailing slash.

    A name and password are refused because clients bring their own `Authorization`, and settings are shown.
    """
    if not isinstance(value, str):
        raise ValueError('must be a URL in quotes, such as "http://127.0.0.1:8080"')
    if not value.isprintable() or " " in value:
        raise ValueError("a URL has no spaces or control characters")
    try:
        url = urlsplit(value)
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise ValueError("this is not a URL; write it like http://127.0.0.1:8080") from error
    if url.scheme not in ("http", "https") or not url.netloc:
        raise ValueError("must begin with http:// or https:// and name a host, like http://127.0.0.1:8080")
    if "@" in url.netloc:
        raise ValueError("must not hold a name or password; clients send their own Authorization")
    if "?" in value or "#" in value:
        raise ValueError("must end before any ? or #")
    if not _is_host(host):
        raise ValueError("the host is not a name or an IP address")
    if port == 0:
        raise ValueError("port must be 1-65535")
    return value.rstrip("/")


def read_listen(value: object) -> str:
    """HOST:PORT in full; a port alone means 127.0.0.1, port 0 means any free port."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"127.0.0.1:{_port(shown(value))}"
    if not isinstance(value, str):
        raise ValueError('must be HOST:PORT in quotes, such as "127.0.0.1:1234"')
    if value.isascii() and value.isdigit():
        return f"127.0.0.1:{_port(value)}"
    host, colon, port = value.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or value.endswith("]"):
        raise ValueError("needs a port, like 127.0.0.1:1234")
    if ":" in bare and host != f"[{bare}]":
        raise ValueError("write an IPv6 address in brackets, like [::1]:1234")
    if not host:
        number = _port(port)
        raise ValueError(
            f"needs a host: 127.0.0.1:{number} for this machine, 0.0.0.0:{number} for its networks"
        )
    if not _is_host(bare) or (host != bare and ":" not in bare):
        raise ValueError("the host is not a name or an IP address")
    return f"{host}:{_port(port)}"


def split_listen(listen: str) -> tuple[str, int]:
    """Host (IPv6 without brackets) and port of what `read_listen` returned."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def read_size(value: object) -> int:
    """Bytes of a whole number or of text such as "64MiB", "10 MB", "1.5 GiB" (KB is 1000, KiB is 1024)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or (unit := _UNITS.get(match[2].lower())) is None:
        raise ValueError('must be a number of bytes or a size such as "64 MiB" or "10 MB"')
    return int(float(match[1]) * unit) if "." in match[1] else int(match[1]) * unit


def read_files(value: object) -> tuple[str, ...]:
    """File names in their order, each once, with `~` expanded; `-` is standard input."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError('must be a file name in quotes, or several: ["one.log", "two.log"]')
    return tuple(dict.fromkeys(_file(name) for name in names))


def toml_value(value: object) -> str:
    """TOML for text, a truth value, a number or a list of those, on one line, control characters escaped."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # Python refuses to write very long decimals; TOML and people read hexadecimal as well.
        return str(value) if abs(value) < 2**63 else f"{value:#x}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    return repr(value) if isinstance(value, float) else quoted(str(value))


def quoted(text: str) -> str:
    """A TOML basic string; what cannot be printed is escaped, so foreign text cannot move the cursor."""
    escaped = (char if char.isprintable() else _escape(char) for char in json.dumps(text, ensure_ascii=False))
    return "".join(escaped)


def visible(text: str) -> str:
    """`text` without quotes, its control characters escaped."""
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def shown(value: object) -> str:
    """A wrong value for a sentence: short, one line, and without the password that a URL may hold."""
    if isinstance(value, list):
        value = [item if isinstance(item, str | int | float) else "…" for item in value]
    text = "{…}" if isinstance(value, dict) else toml_value(value)
    text = re.sub(r"//[^/]*@", "//…@", text)
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "…"


def size_text(size: int) -> str:
    """The shortest spelling that `read_size` reads back as exactly `size` bytes."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size % unit == 0 and size // unit < 10**15:
            return quoted(f"{size // unit} {name}")
    return toml_value(size)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        # A byte of a file name that is not UTF-8; TOML has no spelling for it.
        return "\ufffd"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError("port must be 0-65535")
    return int(text)


def _is_host(host: str) -> bool:
    try:
        if ":" in host:
            ipaddress.IPv6Address(host)
        elif not host.isascii():
            host.encode("idna")
    except ValueError:
        return False
    return ":" in host or (bool(host) and all(char.isalnum() or char in "-._" for char in host))


def _file(name: str) -> str:
    if not name or "\0" in name:
        raise ValueError("a file name is empty or holds a NUL character")
    if not name.startswith("~"):
        return name
    try:
        return str(Path(name).expanduser())
    except RuntimeError as error:
        raise ValueError(f"{quoted(name)} is in no known home directory; write the whole path") from error
