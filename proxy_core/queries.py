"""What is kept of a request's path: nothing that lets anyone in."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"((?:^|[?&])[^=&#]*(?:key|token|secret|passw|pwd|auth|signature|\bsig\b)[^=&#]*=)[^&#]*", re.IGNORECASE
)
_USER = re.compile(r"(://)[^/?#@]*@")


def clean_path(path: str) -> str:
    """A path with its query, in which `…` stands for secrets."""
    return _USER.sub(r"\1", _SECRET.sub(r"\1…", path))
