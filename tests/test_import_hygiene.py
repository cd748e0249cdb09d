from __future__ import annotations

import pkgutil
import subprocess
import sys

import proxy_core

FOREIGN = ("textual", "rich", "console", "themes", "xllamacpp")


def test_the_engine_needs_nothing_of_the_screen() -> None:
    modules = sorted(found.name for found in pkgutil.walk_packages(proxy_core.__path__, "proxy_core."))
    assert "proxy_core.engine" in modules
    # Made impossible to import rather than looked for: httpx loads rich for its own command where it can.
    script = f"""
import importlib, sys
sys.modules.update(dict.fromkeys({FOREIGN!r}))
for name in {modules!r}:
    importlib.import_module(name)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
