"""Records into items, piece by piece."""
