"""Captured requests from any source, and bundles of them for others.

Readers: `jsonl` (kvconsole's own), `har`, `bodies`, `proxy_log`, behind `source.open_source`. Writers:
`jsonl`, `har`, `markdown`, `html_page`. `redact` masks what must not leave the machine.
"""

from __future__ import annotations

from proxy_core.captures.captured import Captured, Place, Problem
from proxy_core.captures.source import Source, open_source

__all__ = ["Captured", "Place", "Problem", "Source", "open_source"]
