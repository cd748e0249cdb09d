"""Rules, their files and their places."""
