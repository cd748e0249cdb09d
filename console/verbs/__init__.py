"""The verbs that work on captured requests: those of the journal, or of files."""
