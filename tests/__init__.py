"""Tests; each module has a twin."""
