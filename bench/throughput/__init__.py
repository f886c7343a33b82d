"""
Throughput: how fast a load is, how much of a processor it takes, and what others take for it.

    python -m bench.throughput --records 200000

Everything is loaded into a null endpoint: a server in its own process that reads each request and
answers that everything was written, so that the loading side alone is measured. Each load is a
process of its own; its wall time is ours to take, its processor time and peak memory are the
kernel's (`os.wait4`), and the endpoint's count of items says that nothing was left out.

`endpoint` is that server, `records` makes the source files, `running` starts a load and measures
it, `subjects` says how each program is started, `peers/` holds the programs that are not ours.
"""
