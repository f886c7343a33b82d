"""What the composition root is made of: definition to specs, preflight, stages, endings."""
