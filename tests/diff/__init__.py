"""Comparison of request bodies."""
