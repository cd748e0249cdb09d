"""Requests one by one and conversation by conversation, and the text in them that moves."""
