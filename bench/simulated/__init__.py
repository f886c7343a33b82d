"""
A table with a capacity: how much of it a load gets, and how many of its requests are throttled.

    python -m bench.simulated --units 100,1000,40000 --json report.json

`model` says what a table of so many write units a second takes, `table` is such a table in process
(on the loop's clock, so that the tests' virtual time fits), `server` the same behind HTTP in its
own process, `measure` runs the real program against it.
"""
