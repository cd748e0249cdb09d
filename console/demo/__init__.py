"""The embedded demo: a real llama.cpp server on a tiny model, and a client that talks to it."""
