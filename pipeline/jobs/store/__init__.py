"""Where jobs stand on the disk: one SQLite file a runs folder, one server at a time, one thread."""
