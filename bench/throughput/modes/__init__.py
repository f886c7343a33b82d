"""What can be measured, one file each: `measure` gives plain JSON, `table` makes Markdown of it."""
