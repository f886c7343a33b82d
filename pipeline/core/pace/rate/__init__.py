"""Rate: units a second, as they are given, and as a table turns out to take them. All pure."""
