"""The rate is a matter of bytes and of the clock it is given: no test here waits."""

import pytest

from backend.core.pace import Pace, StoppedError, parse_rate


class Clock:
    """Time that passes by sleeping, and when told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept = 0.0
        self.stopped = False

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        self.now += seconds
        self.slept += seconds
        return self.stopped


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_bytes_take_the_time_their_rate_says(clock: Clock) -> None:
    pace = Pace(rate=1_000, clock=clock, sleep=clock.sleep)
    for count in (1, 499, 1_500, 0, 3_000):
        pace.spend(count)
    assert clock.slept == pytest.approx(5.0)


def test_reading_that_is_slower_by_itself_does_not_wait(clock: Clock) -> None:
    pace = Pace(rate=1_000, clock=clock, sleep=clock.sleep)
    for _ in range(10):
        clock.now += 1.0
        pace.spend(0)
    assert clock.slept == 0.0
    # What was not used is not made up for.
    pace.spend(2_000)
    assert clock.slept == pytest.approx(2.0)


def test_without_a_rate_nothing_waits(clock: Clock) -> None:
    pace = Pace(clock=clock, sleep=clock.sleep)
    pace.spend(10**12)
    assert clock.slept == 0.0


def test_it_is_over_when_enough_was_read(clock: Clock) -> None:
    pace = Pace(enough=100, clock=clock, sleep=clock.sleep)
    pace.count(99)
    pace.spend(1_000)
    assert not pace.is_over
    pace.count(1)
    assert pace.is_over
    pace.spend(1)  # what is begun may be ended


def test_it_is_over_when_its_time_has_come(clock: Clock) -> None:
    pace = Pace(seconds=5, clock=clock, sleep=clock.sleep)
    clock.now += 4.9
    assert not pace.is_over
    clock.now += 0.1
    assert pace.is_over


def test_who_stops_it_stops_it_at_once(clock: Clock) -> None:
    pace = Pace(clock=clock)
    pace.stop()
    assert pace.is_over
    with pytest.raises(StoppedError):
        pace.spend(1)


def test_who_stops_it_does_not_wait_for_the_bytes_to_be_paid() -> None:
    pace = Pace(rate=1)
    pace.stop()
    with pytest.raises(StoppedError):
        pace.spend(10**9)


def test_a_sleep_that_is_cut_short_ends_it(clock: Clock) -> None:
    pace = Pace(rate=1, clock=clock, sleep=clock.sleep)
    clock.stopped = True
    with pytest.raises(StoppedError):
        pace.spend(1)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("50MB/s", 50_000_000),
        ("10MiB/s", 10 * 2**20),
        ("500k", 500_000),
        ("1.5 GB/s", 1_500_000_000),
        ("4096", 4096),
        ("1GiB", 2**30),
    ],
)
def test_rates(text: str, rate: int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "0.1", "-5MB/s", "5 MB / s", "5mb", "5TB/s"])
def test_no_rates(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        parse_rate(text)
