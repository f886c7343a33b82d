"""However an answer is cut into segments, what is read is the same."""

from __future__ import annotations

import os
import random
import zlib
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.table.http.reading import AnswerReader
from pipeline.table.http.response import ExchangeError, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

CASES = int(os.environ.get("PIPELINE_TEST_CASES", "400"))
"""Random answers that are tried."""

OK = b'{"UnprocessedItems":{}}'

bodies = st.one_of(st.just(OK), st.binary(max_size=200))
names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True).filter(
    lambda name: (
        name.lower() not in {"content-length", "transfer-encoding", "connection"}
        and not name.lower().startswith(("upgrade", "keep-alive", "proxy-connection"))
    )
)
values = st.from_regex(r"([!-~]([ -~]{0,12}[!-~])?)?", fullmatch=True)
fields = st.lists(st.tuples(names, values), max_size=5)
statuses = st.sampled_from([200, 200, 200, 201, 400, 413, 500, 503, 302])
announcements = st.sampled_from(
    [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 3]
)


def head(status: int, more: Iterable[tuple[str, str]]) -> bytes:
    """Spell out a head without its end."""
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {text}" for name, text in more)]
    return "".join(f"{line}\r\n" for line in lines).encode()


def with_length(body: bytes) -> bytes:
    """Frame *body* by its length."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def in_chunks(body: bytes, size: int) -> bytes:
    """Frame *body* in chunks of *size*."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


def segments(raw: bytes, dice: random.Random) -> list[bytes]:
    """Cut *raw* anywhere."""
    cuts = sorted(dice.sample(range(1, len(raw)), min(len(raw) - 1, dice.choice([0, 1, 3, 50]))))
    return [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


Read = tuple[Response | None, str, bool]


def read(reader: AnswerReader, pieces: Iterable[bytes]) -> Read:
    """Feed *pieces* as a connection does; return answer, fault, and whether another may follow."""
    reader.begin()
    answer = None
    for piece in pieces:
        if answer is not None:  # a connection ends when anything comes behind an answer
            return answer, "", False
        try:
            answer = reader.feed(piece)
        except ExchangeError as fault:
            return None, fault.code, False
    return answer, "", reader.lasting if answer is not None else False


@settings(max_examples=CASES)
@given(announcements, statuses, fields, bodies, st.integers(0, 30), st.randoms())
@example(b"", 200, [("X", ""), ("x", "1")], OK, 1, random.Random(1))
def test_a_valid_answer_is_read_whole_however_it_is_cut(
    announced: bytes,
    status: int,
    more: list[tuple[str, str]],
    body: bytes,
    chunk: int,
    dice: random.Random,
) -> None:
    """Status, every header, and the body; twice, over one reader."""
    raw = announced + head(status, more) + (in_chunks(body, chunk) if chunk else with_length(body))
    reader = AnswerReader()
    for _ in range(2):
        answer, fault, lasting = read(reader, segments(raw, dice))

        assert (fault, lasting) == ("", True)
        assert answer is not None
        assert (answer.status, answer.body) == (status, body)
        framing = "transfer-encoding" if chunk else "content-length"
        assert set(answer.headers) == {framing, *(name.lower() for name, _ in more)}
        for name, text in more:
            said = {value for known, value in more if known.lower() == name.lower()}
            told = answer.headers[name.lower()]
            assert told == text if len(said) == 1 else (text in told and told not in said)


@settings(max_examples=CASES)
@given(fields, bodies, st.integers(0, 4), st.randoms())
def test_what_is_cut_off_or_damaged_is_the_same_however_it_is_cut(
    more: list[tuple[str, str]], body: bytes, damages: int, dice: random.Random
) -> None:
    """The answer, or that there is none; a byte at a time, all at once, or anything between."""
    raw = bytearray(head(200, more) + dice.choice([with_length(body), in_chunks(body, 7)]))
    for _ in range(damages):
        raw[dice.randrange(len(raw))] = dice.randrange(256)
    whole = bytes(raw[: dice.randrange(2, len(raw) + 1)])

    one = read(AnswerReader(), [whole])
    cut = read(AnswerReader(), segments(whole, dice))
    bytewise = read(AnswerReader(), [whole[at : at + 1] for at in range(len(whole))])

    assert one[:2] == cut[:2] == bytewise[:2]


@given(bodies, st.binary(min_size=1, max_size=60), st.randoms())
def test_whatever_follows_an_answer_ends_the_connection(
    body: bytes, extra: bytes, dice: random.Random
) -> None:
    """The answer stands; what came behind it is for nobody, be it an answer or not."""
    raw = head(200, [("x-amz-crc32", str(zlib.crc32(body)))]) + with_length(body)
    following = dice.choice([extra, raw, raw[:9], b"H"])
    if not following.strip(b"\r\n"):
        return  # empty lines before an answer are none of it (RFC 9112, 2.2)

    answer, fault, lasting = read(AnswerReader(), segments(raw + following, dice))

    assert (fault, lasting) == ("", False)
    assert answer is not None
    assert answer.body == body
