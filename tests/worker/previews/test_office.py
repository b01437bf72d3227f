"""Office documents become PDFs, and what is hostile in them stays where it is."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import docx
import pypdfium2
import pytest

from backend.content.media_types import DOC, DOCX, ODT, PPTX, XLSX
from tests.worker.extraction import samples
from worker.previews import OfficeLimits, convert, office

RTF = "application/rtf"
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"


def open_document(words: str) -> bytes:
    """The least that is an ODT."""
    content = (
        f'<office:document-content xmlns:office="{_OASIS}:office:1.0" xmlns:text="{_OASIS}:text:1.0" '
        f'office:version="1.3"><office:body><office:text><text:p>{words}</text:p></office:text></office:body>'
        "</office:document-content>"
    )
    files = "".join(
        f'<manifest:file-entry manifest:full-path="{path}" manifest:media-type="{kind}"/>'
        for path, kind in (("/", ODT), ("content.xml", "text/xml"))
    )
    manifest = (
        f'<manifest:manifest xmlns:manifest="{_OASIS}:manifest:1.0">{files}</manifest:manifest>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", ODT)
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)
    return out.getvalue()


def converted(tmp_path: Path, data: bytes, media_type: str, **limits: float) -> office.Converted:
    path = tmp_path / "document"
    path.write_bytes(data)
    return convert(path, media_type=media_type, limits=OfficeLimits(**limits))


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)
    finally:
        document.close()


@pytest.mark.parametrize(
    ("media_type", "data", "words"),
    [
        (DOCX, samples.word_document(), "Forty machines"),
        (XLSX, samples.workbook([["Amount", 417]]), "417"),
        (PPTX, samples.presentation(), ""),
        (ODT, open_document("Die Schlüssel"), "Schlüssel"),
        (RTF, rb"{\rtf1\ansi Payment is due.}", "Payment is due"),
    ],
    ids=["docx", "xlsx", "pptx", "odt", "rtf"],
)
def test_every_kind_becomes_a_pdf(tmp_path: Path, media_type: str, data: bytes, words: str) -> None:
    result = converted(tmp_path, data, media_type)
    assert (result.status, result.detail) == ("ready", "")
    assert words in text_of(result.pdf)


def test_a_broken_document_says_so(tmp_path: Path) -> None:
    result = converted(tmp_path, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + os.urandom(2_000), DOC)
    assert (result.status, result.pdf) == ("damaged", b"")


def test_a_document_under_a_password_says_so(tmp_path: Path) -> None:
    locked = samples.ole_file("EncryptionInfo", "EncryptedPackage")
    assert converted(tmp_path, locked, DOCX).status == "encrypted"


def test_what_takes_too_long_is_stopped_and_leaves_nothing(tmp_path: Path) -> None:
    result = converted(tmp_path, samples.word_document(), DOCX, wall_seconds=0.01)
    assert result.status == "failed"
    assert "was stopped" in result.detail
    mine = [one.name for one in office._MEMORY_FILES.glob(f"dms-office-{os.getpid()}-*")]
    assert len(mine) <= 1, "more than the profile that serves all conversions"


def test_without_libreoffice_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "soffice", lambda: None)
    result = converted(tmp_path, samples.word_document(), DOCX)
    assert result.status == "unsupported"
    assert "not installed" in result.detail


def linked_picture(url: str) -> bytes:
    """A document that wants a picture fetched from somewhere else."""
    document = docx.Document()
    document.add_paragraph("before")
    document.add_picture(io.BytesIO(samples.png(samples.scan())))
    out = io.BytesIO()
    document.save(out)
    linked = io.BytesIO()
    with zipfile.ZipFile(out) as source, zipfile.ZipFile(linked, "w") as target:
        for entry in source.namelist():
            data = source.read(entry)
            if entry.endswith("document.xml"):
                data = data.replace(b"r:embed=", b"r:link=")
            if entry.endswith("document.xml.rels"):
                data = data.replace(
                    b'Target="media/image1.png"', f'Target="{url}" TargetMode="External"'.encode()
                )
            target.writestr(entry, data)
    return linked.getvalue()


def test_nothing_is_fetched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.01)
        called = threading.Event()

        def listen() -> None:
            while not ended.is_set():
                try:
                    server.accept()
                except TimeoutError:
                    continue
                called.set()

        ended = threading.Event()
        listener = threading.Thread(target=listen)
        listener.start()
        try:
            url = f"http://127.0.0.1:{server.getsockname()[1]}/spy.png"
            result = converted(tmp_path, linked_picture(url), DOCX)
        finally:
            ended.set()
            listener.join()
    assert result.status == "ready"
    assert "before" in text_of(result.pdf)
    assert not called.is_set()


SPY = """
import os, socket, sys
from pathlib import Path
from worker.extraction.sandbox.confine import confine_program
locks = confine_program(Path(sys.argv[1]), memory_bytes=4 << 30, cpu_seconds=10, file_bytes=1000)
(Path(sys.argv[1]) / "mine").write_text("x")
tried = {}
for name, act in {
    "files": lambda: Path(sys.argv[2]).read_text(),
    "network": lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3])), 5),
}.items():
    try:
        act()
        tried[name] = "done"
    except OSError:
        tried[name] = "refused"
try:
    (Path(sys.argv[1]) / "large").write_bytes(bytes(2000))
except OSError:
    tried["large"] = "refused"
print(sorted(locks), tried)
"""


def test_the_program_reaches_neither_files_nor_the_network(tmp_path: Path) -> None:
    secret, folder = tmp_path / "secret", tmp_path / "folder"
    secret.write_text("the master key")
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments = [str(folder), str(secret), str(server.getsockname()[1])]
        shown = subprocess.run(
            [sys.executable, "-c", SPY, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONDONTWRITEBYTECODE": "1"},
        ).stdout
    for lock in ("files", "network"):
        assert (f"'{lock}'" in shown.partition("]")[0]) == (f"'{lock}': 'refused'" in shown), shown
    assert "'large': 'refused'" in shown
