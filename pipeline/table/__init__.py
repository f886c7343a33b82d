"""DynamoDB, and nothing else knows it."""
