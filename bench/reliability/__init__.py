"""
The reliability scoreboard: numbers that say what a load survives, each with a line to pass.

    python -m bench.reliability --size ci --rows R3,R8

Truth is the source file, written here from a seed, and a full scan of the table with a client of
its own; never what the program says of itself. Every row names a mutation: a change of the product
that must turn it red, so that a green row means something.

`board` says what a row is and runs it, `rows/` holds the rows, `servers/` what they load into,
`loads` makes sources, `truth` compares tables, `running` starts the program and kills it, `mutants`
breaks it, `publish` writes the results down.
"""
