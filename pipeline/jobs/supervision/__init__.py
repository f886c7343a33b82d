"""How jobs run: which is next, a process for each, and what its end means."""
