"""What the processes that a server starts have in common: how they are told, and how they end."""
