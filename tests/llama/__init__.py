"""Tests of what is known about llama-server."""
