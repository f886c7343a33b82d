"""The page of the job service in a real browser."""
