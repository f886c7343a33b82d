"""What each operation does: from a decoded request to the answer's JSON, in the engine's thread."""
