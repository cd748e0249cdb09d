"""What a rule can do: one action, one file.

Text actions change a text by itself. Lane actions need to know what the conversation said before; the rule
set carries them out with the lane's memory.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from proxy_core.rules.actions.base import LaneAction, TextAction
from proxy_core.rules.actions.canonical_json import CanonicalJson
from proxy_core.rules.actions.drop_block import DropBlock
from proxy_core.rules.actions.freeze import Freeze
from proxy_core.rules.actions.merge_system import MergeSystem
from proxy_core.rules.actions.order import Order
from proxy_core.rules.actions.reattach import Reattach
from proxy_core.rules.actions.relocate import Relocate
from proxy_core.rules.actions.replace import Replace
from proxy_core.rules.actions.restore import Restore
from proxy_core.rules.actions.strip import Strip
from proxy_core.rules.actions.truncate import Truncate

__all__ = [
    "ACTIONS",
    "PLACED",
    "Action",
    "CanonicalJson",
    "DropBlock",
    "Freeze",
    "LaneAction",
    "MergeSystem",
    "Order",
    "Reattach",
    "Relocate",
    "Replace",
    "Restore",
    "Strip",
    "TextAction",
    "Truncate",
]

Action: TypeAlias = TextAction | LaneAction

PLACED: dict[str, type[msgspec.Struct]] = {
    "strip": Strip,
    "replace": Replace,
    "truncate": Truncate,
    "drop-block": DropBlock,
    "canonical-json": CanonicalJson,
    "relocate": Relocate,
    "freeze": Freeze,
}
"""Actions that work on what a rule's looks match, by the name that a rule file uses."""

ACTIONS: dict[str, type[msgspec.Struct]] = {
    **PLACED,
    "order": Order,
    "reattach": Reattach,
    "restore": Restore,
    "merge-system": MergeSystem,
}
"""All actions; those that need no look know themselves what they work on."""
