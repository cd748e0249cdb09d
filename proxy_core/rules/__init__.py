"""Rules that keep a prompt's prefix, and the set of them that is in force."""
