"""What is wrong with a running setup, and what to change: `kvconsole doctor` without its rendering."""
