"""The five stages, one file each, thin; they never see the definition."""
