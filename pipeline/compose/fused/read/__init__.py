"""From what a record is given as to its values, checked: bytes, or the cells of a row."""
