"""Fixtures of the extraction tests: reading bytes in this process, and in the sandbox that all tests here share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worker.extraction.samples import write
from worker.extraction import OCR_LIMITS, ExtractionResult, Limits, extract, run_bounded, shut_down

Reader = Callable[..., ExtractionResult]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Extract from bytes in this process, without OCR."""

    def read(data: bytes, name: str, **limits: Any) -> ExtractionResult:
        return extract(
            write(tmp_path, "document", data), name=name, limits=Limits(**limits), ocr=False
        )

    return read


@pytest.fixture(scope="session")
def sandbox() -> Iterator[None]:
    """Keep one set of helper processes for the session and leave none behind."""
    yield
    shut_down()


@pytest.fixture
def read_bounded(tmp_path: Path, sandbox: None) -> Reader:
    """Extract from bytes in the sandbox."""

    def read(data: bytes, name: str, *, ocr: bool = False, **limits: Any) -> ExtractionResult:
        path = write(tmp_path, "document", data)
        # a busy test machine may take its time
        limits = {"wall_seconds": OCR_LIMITS.wall_seconds if ocr else 120.0} | limits
        return run_bounded(path, name=name, limits=Limits(**limits), ocr=ocr)

    return read
