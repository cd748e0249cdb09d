"""Rule files to begin with: one for each action, with `@ID@` and the like where the person's own words go."""

from __future__ import annotations

TEMPLATES = (
    "strip",
    "replace",
    "truncate",
    "drop-block",
    "canonical-json",
    "relocate",
    "freeze",
    "order",
    "reattach",
    "restore",
    "merge-system",
)
"""The actions, each with a file of that name here."""
