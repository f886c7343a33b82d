"""Jobs whose outcome is known beforehand: a source, a definition, and what must be in the table."""
