"""The clamd client against a real clamd, and against clamd's stranger answers."""

import signal
from pathlib import Path

import pytest

from backend.content.scanner import Outcome, Scanner, ScannerStatus, parse_reply
from backend.core.settings import ScanMode, Settings
from tests.support.clamd import EICAR, Clamd, clamd


async def scan(scanner: Scanner, *chunks: bytes) -> tuple[Outcome, str]:
    async with scanner.stream() as stream:
        for chunk in chunks:
            await stream.send([chunk])
        verdict = await stream.verdict()
    return verdict.outcome, verdict.detail


@pytest.mark.parametrize(
    ("reply", "outcome", "detail"),
    [
        ("stream: OK\0", Outcome.CLEAN, ""),
        ("stream: Win.Test.EICAR_HDB-1 FOUND\0", Outcome.INFECTED, "Win.Test.EICAR_HDB-1"),
        ("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0", Outcome.NOT_SCANNED, None),
        (
            "INSTREAM size limit exceeded. ERROR\0",
            Outcome.NOT_SCANNED,
            "INSTREAM size limit exceeded. ERROR",
        ),
        ("", Outcome.NOT_SCANNED, "the scanner closed the connection"),
    ],
)
def test_replies(reply: str, outcome: Outcome, detail: str | None) -> None:
    verdict = parse_reply(reply)
    assert verdict.outcome is outcome
    if detail is not None:
        assert verdict.detail == detail


async def test_a_virus_is_found_however_it_is_cut(settings: Settings) -> None:
    scanner = Scanner(settings)
    assert (await scan(scanner, EICAR))[0] is Outcome.INFECTED
    assert (await scan(scanner, *(EICAR[i : i + 1] for i in range(len(EICAR)))))[
        0
    ] is Outcome.INFECTED
    assert (await scan(scanner, b"harmless"))[0] is Outcome.CLEAN
    assert (await scan(scanner))[0] is Outcome.CLEAN


async def test_what_is_too_long_for_clamd_is_never_called_clean(
    settings: Settings, tmp_path: Path
) -> None:
    with clamd(tmp_path, stream_max_length=2**20) as daemon:
        scanner = Scanner(settings.model_copy(update={"clamd_socket": daemon.socket}))
        outcome, detail = await scan(scanner, *[b"x" * 2**19] * 40)
    assert outcome is Outcome.NOT_SCANNED
    assert detail


async def test_what_clamd_looks_at_in_part_is_never_called_clean(
    settings: Settings, tmp_path: Path
) -> None:
    with clamd(tmp_path, max_file_size=2**20) as daemon:
        scanner = Scanner(settings.model_copy(update={"clamd_socket": daemon.socket}))
        outcome, detail = await scan(scanner, *[b"x" * 2**19] * 4)
    assert outcome is Outcome.NOT_SCANNED
    assert "Heuristics.Limits.Exceeded" in detail


async def test_a_scanner_that_hangs_is_given_up(settings: Settings, tmp_path: Path) -> None:
    with clamd(tmp_path) as daemon:
        scanner = Scanner(
            settings.model_copy(update={"clamd_socket": daemon.socket, "scan_timeout": 0.5})
        )
        pause(daemon)
        try:
            outcome, detail = await scan(scanner, b"x")
        finally:
            daemon.process.send_signal(signal.SIGCONT)
    assert outcome is Outcome.NOT_SCANNED
    assert "no answer within" in detail


async def test_a_scanner_that_dies_in_the_middle_is_not_clean(
    settings: Settings, tmp_path: Path
) -> None:
    with clamd(tmp_path) as daemon:
        scanner = Scanner(settings.model_copy(update={"clamd_socket": daemon.socket}))
        async with scanner.stream() as stream:
            await stream.send([b"x" * 2**19])
            daemon.process.kill()
            daemon.process.wait()
            for _ in range(4):
                await stream.send([b"x" * 2**19])
            verdict = await stream.verdict()
    assert verdict.outcome is Outcome.NOT_SCANNED


async def test_status(settings: Settings, tmp_path: Path) -> None:
    state, detail = await Scanner(settings).status()
    assert state is ScannerStatus.SCANNING
    assert detail.startswith("ClamAV")
    nobody = settings.model_copy(update={"clamd_socket": tmp_path / "nobody"})
    state, detail = await Scanner(nobody).status()
    assert state is ScannerStatus.UNAVAILABLE
    assert "nobody" in detail
    state, _ = await Scanner(settings.model_copy(update={"scan": ScanMode.OFF})).status()
    assert state is ScannerStatus.OFF


def pause(daemon: Clamd) -> None:
    daemon.process.send_signal(signal.SIGSTOP)
