"""CSV, and what else has delimiters: which lines make a row, and what its cells are called."""
