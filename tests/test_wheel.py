"""What is read from beside the code goes where the code goes."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
_CACHES = {"__pycache__", ".mypy_cache", ".ruff_cache"}


def _data_files() -> list[Path]:
    """Files of the packages that are no code, by their path from the root."""
    found = (path for name in ("console", "proxy_core", "themes") for path in (ROOT / name).rglob("*.*"))
    return [
        path.relative_to(ROOT)
        for path in found
        if path.is_file() and path.suffix != ".py" and not _CACHES & set(path.parts)
    ]


def test_the_wheel_leaves_no_data_file_out() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    # What git ignores is left out of a wheel as well.
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.strip()]
    files = _data_files()
    assert {Path("proxy_core/captures/secrets.toml"), Path("proxy_core/captures/page.css")} <= set(files)
    for file in files:
        assert file.parts[0] in wheel["packages"]
        out = [pattern for pattern in (*ignored, *wheel["exclude"]) if _matches(file, pattern)]
        assert not out or file == Path("console/demo/console.svg"), (file, out)


def _matches(file: Path, pattern: str) -> bool:
    return fnmatch(str(file), pattern) or any(fnmatch(part, pattern) for part in file.parts)
