"""Concurrency and policy; knows neither DynamoDB, files nor YAML. Standard library only."""
