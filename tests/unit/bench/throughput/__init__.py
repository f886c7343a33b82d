"""What measures the speed, and what is made of the figures."""
