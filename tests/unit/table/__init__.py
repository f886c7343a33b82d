"""The table package, without any table."""
