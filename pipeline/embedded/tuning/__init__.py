"""How single tables behave, where several loads share one engine."""
