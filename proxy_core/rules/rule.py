"""A rule: where it looks, what it matches there, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from proxy_core.prompt import Api
from proxy_core.rules.actions import Action
from proxy_core.rules.anchors import Frame
from proxy_core.rules.edit import Edit
from proxy_core.rules.look import Look

__all__ = ["LEVELS", "Edit", "Level", "Look", "Rule"]

Level = Literal["safe", "careful", "aggressive"]
"""How much a rule takes: `safe` removes nothing that a model needs, `aggressive` may change an answer."""

LEVELS: tuple[Level, ...] = get_args(Level)
"""From the mildest to the strongest; each includes those before it."""


@dataclass(frozen=True)
class Rule:
    """A value and a pure function: the same text gives the same cuts, always."""

    id: str
    title: str
    client: str
    """The client it was written for; `any` for all."""
    apis: frozenset[Api]
    level: Level
    does: str
    """What it does, in one sentence."""
    cost: str
    """What it costs, in one sentence."""
    looks: tuple[Look, ...]
    action: Action
    on: bool = True
    """Whether it is on, once its level is reached, until a person says otherwise."""
    rare: bool = False
    """Whether it matches only now and then, so that its silence says nothing."""
    frame: Frame | None = None
    """How its client decorates what a person wrote, where the rule file says so."""
    source: str = field(default="", compare=False)
    """The file it came from, for people."""
    digest: str = field(default="", compare=False)
    """Of its table in that file and of the file's frames: another one once either reads otherwise."""

    def runs_for(self, api: Api, client: str | None) -> bool:
        """Whether the rule may run: only for the client that it was written for."""
        return api in self.apis and self.client in ("any", client)
