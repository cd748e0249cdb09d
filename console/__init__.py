"""The terminal: command line, screens and widgets."""
