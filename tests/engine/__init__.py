"""
The real DynamoDB Local for tests, from wherever this machine can have it.

`local` decides where it comes from, `java` runs it without Docker, `tables` reads what is in it.
"""
