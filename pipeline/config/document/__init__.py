"""A YAML text as a tree of nodes that know where they were written, and its plain values."""
