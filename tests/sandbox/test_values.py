"""Golden vectors: recorded histories depend on these values for ever. Never edit one to make a test pass."""

from __future__ import annotations

import hashlib
import uuid

from hypothesis import given
from hypothesis import strategies as st
from trio_durable_sandbox._values import Values, stable_hash

START = 1_700_000_000_123_456_789


def values(seed: bytes | str = "seed", instance: str = "instance") -> Values:
    return Values(seed, instance, lambda: START)


def test_blocks_are_what_the_format_says() -> None:
    def part(data: bytes) -> bytes:
        return len(data).to_bytes(8, "big") + data

    key = hashlib.sha256(b"trio_durable_sandbox values 1" + part(b"seed") + part(b"instance")).digest()
    expected = hashlib.sha256(key + part(b"label") + (7).to_bytes(8, "big")).digest()
    assert values().block("label", 7) == expected
    assert expected.hex() == "e6d197aaf756abc1a3ada6af82ca53d355da8ea57952c79e92626e4a3f82d058"


def test_uuids() -> None:
    v = values()
    assert [str(v.uuid4()) for _ in range(2)] == [
        "dbb17d6d-0a20-4cb1-bead-6d27b038d674",
        "831e8eb6-4815-433c-8d96-0376b021bc55",
    ]
    assert [str(v.uuid1()) for _ in range(2)] == [
        "04c29687-833b-11ee-84ba-dbf89ab7bb04",
        "04c29688-833b-11ee-84ba-dbf89ab7bb04",
    ]
    assert str(v.uuid6()) == "1ee833b0-4c29-6689-84ba-dbf89ab7bb04"
    assert [str(v.uuid7()) for _ in range(2)] == [
        "018bcfe5-687b-7000-ad41-fdcb1b18b11f",
        "018bcfe5-687b-7001-adca-8398d4bf2be5",
    ]


def test_the_random_stream() -> None:
    r = values().stream
    assert [r.random() for _ in range(3)] == [0.9396017228981923, 0.5025530538513416, 0.9423118189642815]
    assert [r.randint(1, 100) for _ in range(5)] == [63, 80, 75, 55, 4]
    assert r.choice("abcdef") == "f"
    assert r.sample(range(100), 4) == [23, 76, 1, 27]
    assert r.choices("abc", k=4) == ["c", "c", "b", "a"]
    cards = list(range(6))
    r.shuffle(cards)
    assert cards == [0, 3, 4, 2, 5, 1]
    assert r.gauss(0, 1) == 2.7710939752118833
    assert r.getrandbits(70) == 915557822648939690412
    assert r.randbytes(4).hex() == "28d8e03a"
    assert r.uniform(1, 2) == 1.417237576801134
    assert r.expovariate(1.5) == 0.7551834149799889
    assert r.randrange(0, 1000, 7) == 798
    assert r.triangular(0, 1, 0.5) == 0.7438404001789591
    assert r.betavariate(1, 2) == 0.7290053718295272
    assert r.normalvariate(0, 1) == -1.2090287789849419
    assert r.gammavariate(2, 3) == 8.612633188828875


def test_entropy_of_unseeded_generators() -> None:
    v = values()
    first, second = v.entropy(), v.entropy()
    assert first == int.from_bytes(v.block("Random", 0), "big")
    assert second == int.from_bytes(v.block("Random", 1), "big")


def test_stable_hash() -> None:
    assert stable_hash("str", b"text") == -7574148734937596686


@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
def test_seed_and_instance_do_not_run_into_each_other(a: str, b: str, c: str, d: str) -> None:
    same = values(a, b).block("x", 0) == values(c, d).block("x", 0)
    assert same == ((a, b) == (c, d))


@given(st.lists(st.integers(min_value=0, max_value=2**62), min_size=1, max_size=50))
def test_time_uuids_increase_whatever_the_clock_does(clock: list[int]) -> None:
    ticks = iter(clock * 2)
    v = Values("s", "i", lambda: next(ticks))
    ones = [v.uuid1().time for _ in clock]
    sevens: list[uuid.UUID] = [v.uuid7() for _ in clock]
    assert ones == sorted(set(ones))
    heads = [made.int >> 64 for made in sevens]
    assert heads == sorted(set(heads))
    assert all(made.variant == uuid.RFC_4122 and made.int >> 76 & 0xF == 7 for made in sevens)
