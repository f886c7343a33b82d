"""The embedded engine by itself; its contract with DynamoDB Local is in tests/contract."""
