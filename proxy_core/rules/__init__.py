"""Rules that keep a prompt's prefix, and the set of them that is in force."""

from __future__ import annotations

from proxy_core.rules.files import load_rules, shipped_rules
from proxy_core.rules.rule import Edit, Rule
from proxy_core.rules.ruleset import Normalized, RuleSet

__all__ = ["Edit", "Normalized", "Rule", "RuleSet", "load_rules", "shipped_rules"]
