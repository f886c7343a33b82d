"""
What the rows load into: a proxy that injects faults, and a fast table in memory.

`proxy` stands in front of the real DynamoDB Local; `faults` is all that it can do to a request
(`exchange` is one, `malformed` and `refusals` are answers).
`stub` is a process of its own that keeps no items where only speed and memory matter, but checks
every signature and every write (`signing`, `checks`). `wire` is the HTTP of both. All listen on
127.0.0.1 only.
"""
