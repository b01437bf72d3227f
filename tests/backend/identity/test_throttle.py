from datetime import UTC, datetime, timedelta

import pytest

from backend.identity.throttle import (
    FORGOTTEN_AFTER,
    PER_ACCOUNT,
    PER_ADDRESS,
    Counter,
    Keys,
)
from backend.identity.tokens import TokenSigner

NOW = datetime(2026, 3, 2, tzinfo=UTC)
signer = TokenSigner(b"k" * 32)


def keys(email: str = "a@example.org", address: str = "192.0.2.1") -> Keys:
    return Keys.of(signer, email=email, address=address)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (14, 512), (15, 900), (10**9, 900)],
)
def test_wait_doubles_up_to_its_cap(failures: int, seconds: int) -> None:
    assert PER_ACCOUNT.wait(failures) == timedelta(seconds=seconds)


def test_an_address_is_given_more_and_held_up_less() -> None:
    assert PER_ADDRESS.wait(49) == timedelta()
    assert PER_ADDRESS.wait(10**9) == timedelta(minutes=1)


def test_both_keys_count_and_the_longer_wait_holds() -> None:
    attempt = keys()
    counters = {
        attempt.account: Counter(8, NOW - timedelta(seconds=3)),
        attempt.address: Counter(50, NOW),
    }
    assert attempt.seconds_to_wait(counters, NOW) == 5
    assert attempt.seconds_to_wait(counters, NOW + timedelta(seconds=5)) == 0
    assert attempt.seconds_to_wait({}, NOW) == 0


def test_failures_are_forgotten() -> None:
    attempt = keys()
    counters = {attempt.account: Counter(10**9, NOW - FORGOTTEN_AFTER)}
    assert attempt.seconds_to_wait(counters, NOW) == 0


def test_case_and_spaces_make_no_other_account() -> None:
    assert keys(" A@Example.ORG ") == keys()
    assert keys("b@example.org").account != keys().account
    assert keys("b@example.org").address == keys().address


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("testclient", "testclient", True),
    ],
)
def test_who_shares_an_address(one: str, other: str, *, same: bool) -> None:
    assert (keys(address=one) == keys(address=other)) is same
