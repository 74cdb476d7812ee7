"""Headers that are remembered are the headers that hpack makes, whatever happens to the table in between."""

from __future__ import annotations

from typing import Any

from hpack import Decoder, Encoder, HeaderTuple, NeverIndexedHeaderTuple
from hypothesis import event, given
from hypothesis import strategies as st

from trio_durable._rpc.headers import _MOST, RememberingDecoder, RememberingEncoder
from trio_durable._rpc.seams import H2

NAMES = st.sampled_from([":path", ":method", "te", "x-one", "x-two", "grpc-status"])
VALUES = st.sampled_from(["", "POST", "trailers", "a", "b" * 40])
HEADER = st.one_of(
    st.tuples(NAMES, VALUES),
    st.tuples(NAMES, VALUES),
    st.builds(HeaderTuple, NAMES, VALUES),
    st.builds(NeverIndexedHeaderTuple, NAMES, VALUES),
    st.tuples(NAMES, VALUES, st.booleans()),
)
SIZES = st.sampled_from([0, 60, 120, 4096])
BLOCKS = st.lists(st.lists(HEADER, max_size=4), min_size=1, max_size=3)


@given(BLOCKS, st.lists(st.one_of(st.integers(0, 2), st.integers(0, 2), SIZES.map(str)), max_size=30))
def test_remembered_headers_are_the_same(blocks: list[list[Any]], steps: list[int | str]) -> None:
    stock, ours = Encoder(), RememberingEncoder()
    plain, remembers = Decoder(), RememberingDecoder()
    for step in steps:
        if isinstance(step, str):
            for encoder in (stock, ours):
                encoder.header_table_size = int(step)
            continue
        headers = blocks[step % len(blocks)]
        block = stock.encode(headers)
        assert ours.encode(iter(headers)) == block
        for raw in (False, True):
            expected = list(plain.decode(block, raw))
            found = remembers.decode(block, raw)
            assert [type(each) for each in found] == [type(each) for each in expected]
            assert found == expected
            found.clear()  # it is the caller's own
    event(f"remembered {min(len(remembers._memo._known), 2)}")


def test_what_repeats_is_worked_out_once(monkeypatch: Any) -> None:
    calls = []
    encode, decode = Encoder.encode, Decoder.decode
    monkeypatch.setattr(Encoder, "encode", lambda *rest: calls.append("encode") or encode(*rest))
    monkeypatch.setattr(Decoder, "decode", lambda *rest: calls.append("decode") or decode(*rest))
    encoder, decoder = RememberingEncoder(), RememberingDecoder()
    for _ in range(10):
        assert decoder.decode(encoder.encode([(":path", "/a/b"), ("te", "trailers")])) == [
            (":path", "/a/b"), ("te", "trailers")
        ]  # fmt: skip
    # The first block puts its headers into the tables, the second one refers to them and is remembered.
    assert sorted(calls) == ["decode"] * 2 + ["encode"] * 2


def test_a_peer_that_never_repeats_itself_is_not_remembered() -> None:
    encoder, decoder = RememberingEncoder(), RememberingDecoder()
    for number in range(1000):
        secret = NeverIndexedHeaderTuple("x-one", str(number))
        decoder.decode(encoder.encode([secret]))
    assert not encoder._memo._known
    assert len(decoder._memo._known) <= _MOST


def test_connections_use_them() -> None:
    h2c = H2()
    assert type(h2c.encoder) is RememberingEncoder
    assert type(h2c.decoder) is RememberingDecoder
    assert h2c.decoder.max_header_list_size == h2c.DEFAULT_MAX_HEADER_LIST_SIZE
