"""What captured requests tell: how conversations go on, what changes in them, what rules make of it."""
