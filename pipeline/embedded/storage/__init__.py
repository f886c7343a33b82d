"""Where the engine keeps its tables: SQLite, keys as ordered bytes, one owner a file."""
