"""The checks: each one is pure, takes a Setup, and gives findings about one thing."""
