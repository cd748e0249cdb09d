"""Tests of counting prompts on a real server."""
