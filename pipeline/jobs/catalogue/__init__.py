"""What the definitions of a folder say, read again when they have changed."""
