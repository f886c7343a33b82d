"""The job service, with processes that do as a test says."""
