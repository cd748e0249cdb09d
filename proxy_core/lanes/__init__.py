"""Lanes: which earlier request a request continues, and what the rules remember of that conversation."""

from __future__ import annotations

from proxy_core.lanes.asked import Asked, asked
from proxy_core.lanes.lane import Lane
from proxy_core.lanes.lanes import Lanes

__all__ = ["Asked", "Lane", "Lanes", "asked"]
