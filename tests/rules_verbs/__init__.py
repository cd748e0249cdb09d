"""`kvconsole rules …`."""
