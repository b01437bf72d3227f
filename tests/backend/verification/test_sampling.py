"""Which blobs a sample takes."""

import hashlib

import pytest

from backend.verification.service.sampling import SLOTS, Sample, parse_percentage

DIGESTS = [hashlib.sha256(str(number).encode()).digest() for number in range(20_000)]


def taken(ppm: int, seed: int) -> set[bytes]:
    sample = Sample(ppm, seed)
    return {digest for digest in DIGESTS if sample.includes(digest)}


@pytest.mark.parametrize("percentage", ["5%", "25%", "30%", "33.3", "0.7%", "99%"])
def test_consecutive_seeds_cover_everything(percentage: str) -> None:
    ppm = parse_percentage(percentage)
    rounds = Sample(ppm, 0).rounds
    for first in (0, 17):
        parts = [taken(ppm, seed) for seed in range(first, first + rounds)]
        assert set().union(*parts) == set(DIGESTS)
        assert set().union(*parts[:-1]) != set(DIGESTS)


def test_parts_that_make_up_the_whole_do_not_overlap() -> None:
    parts = [taken(parse_percentage("5%"), seed) for seed in range(20)]
    assert sum(map(len, parts)) == len(DIGESTS)


def test_a_part_has_its_share_and_is_always_the_same() -> None:
    assert abs(len(taken(50_000, 3)) - len(DIGESTS) * 0.05) < len(DIGESTS) * 0.01
    assert taken(50_000, 3) == taken(50_000, 23) != taken(50_000, 4)


@pytest.mark.parametrize(("text", "ppm"), [("5%", 50_000), (" 0.0001 % ", 1), ("99.9999", 999_999)])
def test_percentages(text: str, ppm: int) -> None:
    assert parse_percentage(text) == ppm


@pytest.mark.parametrize("text", ["", "%", "five", "0%", "100%", "-5%", "0.00001%", "nan", "inf"])
def test_no_percentages(text: str) -> None:
    with pytest.raises(ValueError, match=r"percent|%"):
        parse_percentage(text)


def test_a_sample_is_spread_over_the_shards() -> None:
    assert len({digest[0] for digest in taken(SLOTS // 10, 0)}) == 256
