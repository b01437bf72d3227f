"""The clamd client against a real clamd, and against clamd's stranger answers."""

import signal
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from backend.content import scanner as scanner_module
from backend.content.scanner import Outcome, Scanner, ScannerStatus, parse_reply, parse_version
from backend.core.settings import ScanMode, Settings
from tests.support.clamd import EICAR, REPORTED_SIGNATURE, Clamd, clamd, start


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
        ("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0", Outcome.BEYOND_LIMITS, None),
        ("INSTREAM size limit exceeded. ERROR\0", Outcome.BEYOND_LIMITS, None),
        ("COMMAND READ TIMED OUT ERROR\0", Outcome.NOT_SCANNED, "COMMAND READ TIMED OUT ERROR"),
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
        for _ in range(10):
            outcome, detail = await scan(scanner, *[b"x" * 2**19] * 40)
            assert outcome is Outcome.BEYOND_LIMITS
            assert "StreamMaxLength" in detail


async def test_what_clamd_looks_at_in_part_is_never_called_clean(
    settings: Settings, tmp_path: Path
) -> None:
    with clamd(tmp_path, max_file_size=2**20) as daemon:
        scanner = Scanner(settings.model_copy(update={"clamd_socket": daemon.socket}))
        outcome, detail = await scan(scanner, *[b"x" * 2**19] * 4)
    assert outcome is Outcome.BEYOND_LIMITS
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


async def test_an_overloaded_scanner_is_not_waited_for_as_long_as_a_scan_may_take(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner_module, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(scanner_module, "_ANSWER_SECONDS", 0.5)
    with clamd(tmp_path) as daemon:
        scanner = Scanner(settings.model_copy(update={"clamd_socket": daemon.socket}))
        async with scanner.stream() as stream:
            pause(daemon)
            try:
                # More than the kernel takes for a process that reads nothing.
                await stream.send([b"x" * 2**22])
                verdict = await stream.verdict()
                small = await scan(scanner, b"x")
            finally:
                daemon.process.send_signal(signal.SIGCONT)
        again = await scan(scanner, b"x")
    assert (verdict.outcome, small[0]) == (Outcome.NOT_SCANNED, Outcome.NOT_SCANNED)
    assert "overloaded" in verdict.detail
    assert again == (Outcome.CLEAN, "")


async def test_a_long_scan_is_waited_for_while_the_scanner_lives(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner_module, "_LOOK_SECONDS", 0.01)
    scanner = Scanner(settings)
    async with scanner.stream() as stream:
        await stream.send([EICAR])
        # It takes longer than the patience, which ends in a question, not in giving up.
        await stream.send([b" " * 2**24])
        verdict = await stream.verdict()
    assert verdict.outcome is Outcome.INFECTED


@pytest.mark.parametrize("size", [2**19, 2**23], ids=["in one piece", "as much as is kept"])
async def test_what_was_under_way_when_it_was_restarted_is_scanned_again(
    settings: Settings, tmp_path: Path, size: int
) -> None:
    with clamd(tmp_path) as daemon:
        scanner = Scanner(settings.model_copy(update={"clamd_socket": daemon.socket}))
        content = EICAR + b" " * (size - len(EICAR))
        async with scanner.stream() as stream:
            await stream.send([content[: size // 2]])
            daemon.process.kill()
            daemon.process.wait()
            daemon.process = start(tmp_path)
            await stream.send([content[size // 2 :]])
            verdict = await stream.verdict()
    assert verdict.outcome is Outcome.INFECTED


async def test_malware_in_an_archive_is_found(settings: Settings) -> None:
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        archive.writestr("letter.txt", "harmless")
        archive.writestr("deep/eicar.com", EICAR)
    assert await scan(Scanner(settings), packed.getvalue()) == (
        Outcome.INFECTED,
        REPORTED_SIGNATURE,
    )


@pytest.mark.parametrize(
    ("reply", "database"),
    [
        ("ClamAV 1.0.7/27432/Fri Oct 18 09:00:00 2024", 27432),
        ("ClamAV 1.4.3", None),
        ("", None),
    ],
)
def test_versions(reply: str, database: int | None) -> None:
    assert parse_version(reply) == database


async def test_a_scanner_that_dies_in_the_middle_is_not_clean(
    settings: Settings, tmp_path: Path
) -> None:
    with clamd(tmp_path) as daemon:
        scanner = Scanner(settings.model_copy(update={"clamd_socket": daemon.socket}))
        async with scanner.stream() as stream:
            await stream.send([b"x" * 2**19])
            daemon.process.kill()
            daemon.process.wait()
            for _ in range(20):
                await stream.send([b"x" * 2**19])
            verdict = await stream.verdict()
    assert verdict.outcome is Outcome.NOT_SCANNED
    # Who sends into it, or waits for its answer, may be first to notice.
    assert "hung up" in verdict.detail or "closed the connection" in verdict.detail


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
