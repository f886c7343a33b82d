"""HTTP over the jobs of `pipeline.jobs`: routes, models and guards; nothing here knows a load."""
