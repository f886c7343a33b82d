"""Records into items: schema check and item mapping, compiled once."""
