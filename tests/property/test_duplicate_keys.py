"""A key that stands twice is found in every text, however it is spaced and whatever it holds."""

from __future__ import annotations

import os
from random import Random

from bench.records_cases import random_line
from pipeline.errors import Refused
from pipeline.sources.formats.duplicate_keys import path_of_duplicate
from pipeline.sources.formats.json_decode import decode_object

CASES = int(os.environ.get("PIPELINE_TEST_CASES", "10000"))


def test_a_duplicate_key_is_refused_and_nothing_else_is() -> None:
    """The quick count, the full count and the parse that finds the key agree."""
    twice = 0
    for seed in range(CASES):
        raw = random_line(Random(seed))
        wanted = path_of_duplicate(raw)
        try:
            decode_object(raw)
        except Refused as refused:
            (violation,) = refused.violations
            assert violation.rule == "duplicate_key", (seed, raw, violation)
            assert wanted is not None, (seed, raw)
            assert violation.field == wanted[0]
            twice += 1
        else:
            assert wanted is None, (seed, raw)
    assert CASES // 10 < twice < CASES * 9 // 10
