"""What runs for every record, as straight Python code; the plain way stands beside each."""
