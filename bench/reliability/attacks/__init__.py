"""Attacks on the job service, and what is asked of it while they run."""
