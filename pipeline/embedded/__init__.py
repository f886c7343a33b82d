"""A small DynamoDB of our own, for first steps, rehearsals and tests."""
