"""The scoreboard's own parts: what measures must be right itself."""
