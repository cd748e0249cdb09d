"""The engine: normalize requests, forward them to llama-server, measure every turn."""
