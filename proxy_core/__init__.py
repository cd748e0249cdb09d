"""The engine: normalize requests, forward them to llama-server, measure every turn."""

__version__ = "0.1.0"
