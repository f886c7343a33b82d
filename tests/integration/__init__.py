"""The whole program against a real engine."""
