"""Sources, one file a topic: formats, compression, files, what changes, what never ends."""
