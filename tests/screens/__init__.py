"""The console driven as a person would, over a real engine."""
