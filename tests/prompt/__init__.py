"""A request body seen as an ordered prompt."""
