"""Captured conversations, played at a live server twice: as captured, and as the rules forward them."""
