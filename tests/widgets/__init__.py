"""Panes, driven as a person drives them."""
