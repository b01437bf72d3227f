"""The allocator settings: taken on glibc, and harmless elsewhere."""

import ctypes
import sys

import pytest

from storage import prepare_process


def test_glibc_takes_the_settings() -> None:
    assert prepare_process() is True


def test_elsewhere_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert prepare_process() is False
    monkeypatch.setattr(sys, "platform", "darwin")
    assert prepare_process() is False
