"""R17: nothing that comes over the wire gets through, stops the service, or makes it show more."""

from __future__ import annotations

from typing import Final

from bench.reliability.attacks.siege import lay_siege
from bench.reliability.board import Context, Edit, Figures, Mutation, Row

__all__ = ["ROW", "measure"]

_STALL: Final = 0.1
_GROWTH: Final = 20_000_000
_SAMPLES: Final = 6


def measure(context: Context) -> Figures:
    """Attack a service with a token and one without, and count what came through."""
    siege = lay_siege(
        context.folder,
        crowd=context.pick(full=1_000, ci=400),
        waiting=context.pick(full=True, ci=False),
    )
    stall, where = siege.stall
    tried, accepted = siege.book.tried, siege.book.accepted
    good = tried.pop("good", 0)
    told = siege.book.told(_SAMPLES)
    if stall >= _STALL:
        told += f"\n     stall: {stall * 1e3:.0f} ms in {where}"
    if siege.grown >= _GROWTH:
        after = {phase: f"{grown / 1e6:.1f}" for phase, grown in siege.grown_by.items()}
        told += f"\n     memory: {siege.grown / 1e6:.1f} MB more; after each phase: {after}"
    return Figures(
        passed=not accepted and stall < _STALL and siege.grown < _GROWTH,
        figure=f"{accepted.total()} accepted of {tried.total()} attacks; longest stall "
        f"{stall * 1e3:.0f} ms; {siege.grown / 1e6:.1f} MB more",
        figures={
            "tried": dict(sorted(tried.items())),
            "accepted": dict(sorted(accepted.items())),
            "good_requests": good,
            "longest_stall_ms": round(stall * 1e3, 1),
            "grown_bytes": siege.grown,
            "grown_bytes_after": dict(siege.grown_by),
            "outbound_calls": siege.calls,
        },
        detail=told,
    )


def _broken(shows: str, what: str, file: str, old: str, new: str) -> Mutation:
    return Mutation(what, (Edit(file, old, new),), shows=f"[{shows}]")


_ACCESS: Final = "pipeline/api/guard/access.py"
_TOKENS: Final = _broken(
    "tokens",
    "what the token begins with is taken for the token",
    _ACCESS,
    "return hmac.compare_digest(*digests)",
    "return bool(digests) and wanted.startswith(given)",
)
_FURTHER: Final = (
    _broken(
        "browsers",
        "any host is the server's own",
        _ACCESS,
        "if host is not None and (host in _LOOPBACK",
        "if host is not None or (host in _LOOPBACK",
    ),
    _broken(
        "browsers",
        "any page may ask",
        _ACCESS,
        "if not foreign and (origin is None",
        "if headers or not foreign and (origin is None",
    ),
    _broken(
        "framing",
        "a body may have a length and chunks",
        _ACCESS,
        "if _FRAMES.issubset(",
        "if not headers and _FRAMES.issubset(",
    ),
    Mutation(
        "an asset that is not in the list is looked for on the disk",
        (
            Edit("pipeline/api/routes/pages.py", '"/assets/{file}"', '"/assets/{file:path}"'),
            Edit(
                "pipeline/api/routes/pages.py",
                "one = here.assets.get(name)",
                "from pathlib import Path\n\n"
                "    from pipeline.api.assets import Asset\n\n"
                '    there = Path("configs", name)\n'
                "    one = here.assets.get(name)\n"
                "    if one is None and there.is_file():\n"
                '        one = Asset(there.read_bytes(), "text/plain", "tag")',
            ),
        ),
        shows="[traversal]",
    ),
    _broken(
        "outbound",
        "what an override is not is passed over",
        "pipeline/api/schema/models.py",
        'extra="forbid", strict=True',
        'extra="ignore", strict=True',
    ),
    _broken(
        "bombs",
        "an override may be what looks like one",
        "pipeline/api/schema/models.py",
        'extra="forbid", strict=True',
        'extra="forbid", strict=False',
    ),
    _broken(
        "weights",
        "a body in chunks has no end",
        "pipeline/api/bodies.py",
        "if len(body) > LARGEST_BODY:",
        "if len(body) > LARGEST_BODY << 10:",
    ),
    _broken(
        "weights",
        "an upload in chunks has no end",
        "pipeline/jobs/spool.py",
        "if self.bytes + len(piece) > settings.max_body:",
        "if not piece:",
    ),
    _broken(
        "weights",
        "a head may take a quarter of an hour",
        "pipeline/api/limits.py",
        "head_s: float = 10.0",
        "head_s: float = 900.0",
    ),
    _broken(
        "floods",
        "any number may follow a job",
        "pipeline/api/routes/events.py",
        "if not here.seats.free:",
        "if here.seats is None:",
    ),
    _broken(
        "cursors",
        "a page may begin in the middle of a line",
        "pipeline/jobs/following/pages.py",
        "if not 0 < offset <= self.size or os.pread(",
        "if not 0 < offset <= self.size and os.pread(",
    ),
    _broken(
        "ids",
        "ids are counted",
        "pipeline/jobs/service.py",
        "identity = secrets.token_urlsafe(16)",
        'identity = f"{time.time_ns():024d}"',
    ),
    _broken(
        "keys",
        "a key stands for its job, whatever is asked",
        "pipeline/jobs/store/database.py",
        "if row[-1] != request:",
        "if row[-1] is None:",
    ),
    _broken(
        "log",
        "a log line is written as it comes",
        "pipeline/observe/logs.py",
        "return escape_json(line)",
        "return line",
    ),
    _broken(
        "crawl",
        "a dead letter is shown whole",
        "pipeline/jobs/following/letters.py",
        "return {name: letter.get(name) for name in _SHOWN} if letter else {}",
        "return orjson.loads(line) if letter else {}",
    ),
)

ROW = Row(
    id="R17",
    title="Attacks on the job service that came through",
    how="more than 1,300 hostile requests, as exact bytes, to a service with a token and to one "
    "without: paths and addresses in every place where a name stands, JSON and YAML that is small "
    "and costs much, bodies that are too large, packed, cut, slow or endless, heads and chunks "
    "that are read in two ways, other hosts, pages and methods, missing and near tokens, ids, "
    "keys and cursors that nobody gave, crowds of connections, streams and uploads; then every "
    "answer, the log and the runs folder are searched for secrets, values, paths and libraries' "
    "texts. Good requests before, between and after must be served",
    passes="0 accepted; the event loop never stands still for 100 ms; < 20 MB more memory",
    peers="PyYAML's safe_load takes 15.8 s for 1 MB (measured); uvicorn bounds neither the time of "
    "a head nor the rate of a body, and h11 answers a request that hides behind another's chunks "
    "(measured)",
    measure=measure,
    mutation=_TOKENS,
    further=_FURTHER,
)
