"""Laws, tried on random input."""
