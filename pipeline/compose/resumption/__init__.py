"""Going on: which run, from where, and whether its source is still the same."""
