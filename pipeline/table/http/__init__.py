"""A lean HTTP/1.1 transport for DynamoDB's JSON calls: signed, kept alive, and no SDK."""
