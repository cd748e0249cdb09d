"""Two requests side by side."""
