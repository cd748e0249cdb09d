"""Figures, printed by hand: `python -m tests.bench.NAME`."""
