"""Tests of the gateway: against a scripted upstream, and against a real llama-server."""
