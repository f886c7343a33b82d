"""Globs mean what they mean to the standard library."""

from __future__ import annotations

import os
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sources.storage.wildcards import matches

NAMES = st.sampled_from(["a", "b", "ab", ".a", "a.x", "b.x", "[a]"])
TREES = st.lists(st.lists(NAMES, min_size=1, max_size=4), max_size=8)
PIECES = st.sampled_from(["**", "*", "a*", "*.x", "?", "[ab]", "[!a]", "a", "b", ".*", ".a", "[a]"])
PATTERNS = st.lists(PIECES, min_size=1, max_size=4).map("/".join)


@settings(max_examples=150)
@given(tree=TREES, pattern=PATTERNS, absolute=st.booleans())
def test_a_glob_matches_what_it_always_matched(
    tree: list[list[str]],
    pattern: str,
    absolute: bool,  # noqa: FBT001 - hypothesis gives it by name
) -> None:
    """In a tree without links that lead back, the files are those that `glob` finds."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for names in tree:
            _plant(root.joinpath(*names))
        asked = str(root / pattern) if absolute else pattern
        expected = {
            root / match
            for match in glob(asked, root_dir=root, recursive=True)  # noqa: PTH207 - the reference
            # The standard glob gives `a/` for `a/**` though nothing is there.
            if not match.endswith("/")
            and os.path.lexists(root / match)
            and not (root / match).is_dir()
        }

        found = [match for match in matches(Path(asked), root) if not match.is_dir()]

        assert set(found) == expected
        assert len(found) == len(expected)


def _plant(file: Path) -> None:
    """Make *file*, unless something on its way is a file already or it is a folder."""
    if any(parent.is_file() for parent in file.parents) or file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")
