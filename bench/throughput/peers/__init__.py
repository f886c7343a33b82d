"""
What others offer for the same load, each a program of its own: ``PROGRAM SOURCE``.

They read the file line by line, make the same item of each record and send batches of 25; they
check no schema, measure no item, and keep neither checkpoint nor report. Numbers go through
`Decimal`, as ours do. They run in an environment of their own, see ``requirements.txt``.
"""
