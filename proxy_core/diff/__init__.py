"""Two request bodies side by side: documents of text, then aligned rows."""
