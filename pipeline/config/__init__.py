"""The YAML definition: read, checked, and turned into frozen, typed models."""
