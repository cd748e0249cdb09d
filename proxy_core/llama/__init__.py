"""Everything known about llama-server: its log, its answers, its HTTP facts."""
