"""Slowing down those who guess passwords, without locking anyone out of their account from elsewhere.

Failures are counted in Postgres, so that every process counts alike, under two keys: the account together with the
address it was tried from, and the address alone. After a few free failures each further one makes that key wait
twice as long. An account is never slowed down as such: its owner, at another address, signs in undisturbed; so does
its owner at the same address, from a browser that signed in before (`devices`).
"""

import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.identity.tokens import TokenSigner

FORGOTTEN_AFTER = timedelta(days=1)
"""A key without a failure for so long starts afresh."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many failures are free, and how long the wait after further ones can get."""

    free: int
    longest: timedelta

    def wait(self, failures: int) -> timedelta:
        """Return how long after the last of so many failures the next attempt may come."""
        if failures < self.free:
            return timedelta()
        # Past the cap the power is not computed: it would soon have more digits than sense.
        doublings = min(failures - self.free, 32)
        return min(timedelta(seconds=2**doublings), self.longest)


PER_ACCOUNT = Allowance(free=5, longest=timedelta(minutes=15))
PER_ADDRESS = Allowance(free=50, longest=timedelta(minutes=1))
"""Offices share one address: what one of them does may hold up the others for a minute at most."""
PER_SECOND_FACTOR = Allowance(free=20, longest=timedelta(minutes=15))
"""Wherever the codes are tried from, for there are but a million. Whoever gets so far knows the password: strangers
cannot hold up the owner with it."""


@dataclass(frozen=True, slots=True)
class Counter:
    """What is known of a key."""

    failures: int
    last_failed_at: datetime


@dataclass(frozen=True, slots=True)
class Keys:
    """The two keys an attempt is counted under."""

    account: bytes
    address: bytes

    @classmethod
    def of(cls, signer: TokenSigner, *, email: str, address: str, use: str = "") -> "Keys":
        """Return the keys of an attempt on an account from a network address; each use is counted by itself."""
        network = _network(address)
        return cls(
            account=signer.fingerprint(f"{use}account", email.strip().casefold(), network),
            address=signer.fingerprint(f"{use}address", network),
        )

    def allowances(self) -> dict[bytes, Allowance]:
        """Return what is allowed under each key."""
        return {self.account: PER_ACCOUNT, self.address: PER_ADDRESS}

    def seconds_to_wait(self, counters: Mapping[bytes, Counter], at: datetime) -> int:
        """Return for how many seconds from `at` no attempt is allowed; 0 when it is."""
        return seconds_to_wait(counters, self.allowances(), at)


def seconds_to_wait(
    counters: Mapping[bytes, Counter], allowances: Mapping[bytes, Allowance], at: datetime
) -> int:
    """Return for how many seconds from `at` no attempt is allowed that counts under these keys; 0 when it is."""
    ends = [
        counter.last_failed_at + allowance.wait(counter.failures)
        for key, allowance in allowances.items()
        if (counter := counters.get(key)) is not None
        and at - counter.last_failed_at < FORGOTTEN_AFTER
    ]
    return max((math.ceil((end - at).total_seconds()) for end in ends if end > at), default=0)


def _network(address: str) -> str:
    """Return the address itself or, of IPv6, the /64 it is in: one customer has all of that."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
