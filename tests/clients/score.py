"""What rules keep of each case's prefixes, without a server: `python -m tests.clients.score [CASE…]`.

Prints a line per case: the share of the previous prompts that was kept, directly and at each level; then,
for each case that is below the goal at the level where it should not be, or that was named, where requests
leave the one before them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from proxy_core.rules import RuleSet, shipped_rules
from tests.clients.case import LEVELS, Case, Level
from tests.clients.registry import CASES
from tests.clients.scoring import GOAL, Step, recognized, score, share


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table and the places."""
    parser = argparse.ArgumentParser(prog="python -m tests.clients.score", description=__doc__)
    parser.add_argument(
        "case", nargs="*", choices=[*CASES, []], metavar="CASE", help="all when none is named"
    )
    parser.add_argument("--short", action="store_true", help="shortened conversations")
    parser.add_argument(
        "--level", choices=LEVELS, help="show the places at this level, not at the wanted one"
    )
    options = parser.parse_args(argv)
    known = tuple(shipped_rules())
    rules = {level: RuleSet.of(known, {}, level) for level in LEVELS}
    named = bool(options.case)
    places: list[str] = []
    print(f"{'':<22}{'direct':>9}" + "".join(f"{level:>12}" for level in LEVELS))
    for case in (CASES[name] for name in options.case or CASES):
        level: Level = options.level or case.wanted
        steps = {each: score(case, rules[each], short=options.short) for each in LEVELS}
        shares = {each: share(found) for each, found in steps.items()}
        direct = share(score(case, None, short=options.short))
        low = shares[level] < GOAL or shares[level] < direct
        cells = "".join(f"{shares[each]:>11.3f}{'*' if each == case.wanted else ' '}" for each in LEVELS)
        print(f"{case.name:<22}{direct:>9.3f}{cells}{'  below' if low else ''}")
        if low or named:
            places += [f"\n{case.name}, {level}: {_client(case, options.short)}", *_places(steps[level])]
    print("* the level at which 0.97 is wanted")
    print("\n".join(places))


def _client(case: Case, short: bool) -> str:
    seen = {recognized(sent) for sent in case.requests(short)}
    wrong = "" if seen == {case.client} else f" (seen as {', '.join(map(str, seen))})"
    return f"{case.client}{wrong}; {case.about}"


def _places(steps: Sequence[Step]) -> list[str]:
    lines: list[str] = []
    for step in steps:
        if step.note is not None:
            lines.append(f"  request {step.request} (turn {step.turn}): {step.note}")
        if step.divergence is not None:
            label, common, before, after = step.divergence
            lines += [
                f"  request {step.request} (turn {step.turn}) in {label}, {step.kept}/{step.ideal} kept",
                f"    both   {common!r}",
                f"    before {before!r}",
                f"    after  {after!r}",
            ]
    return lines or ["  all kept"]


if __name__ == "__main__":
    main()
