"""What a rule can do to a text: one action, one file."""
