"""What agent clients send: one conversation, written on the wire as each client and each era writes it."""
