"""Trees as they are on disk, while somebody writes to them."""

import os
from pathlib import Path

import pytest

from backend.core.names import InvalidNameError
from backend.imports.errors import ChangedWhileReadError, UnreadableError
from backend.imports.naming import Naming, shown
from backend.imports.tree import PIECE, Kind, Tree


def test_what_is_there_is_listed_and_no_link_followed(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "file").write_bytes(b"content")
    (tmp_path / "a").symlink_to("b")
    os.mkfifo(tmp_path / "c")
    with Tree(tmp_path) as tree:
        listed = [(one.path, one.kind) for one in tree.entries(b"")]
        assert listed == [(b"a", Kind.LINK), (b"b", Kind.DIRECTORY), (b"c", Kind.SPECIAL)]
        [file] = tree.entries(b"b")
        assert (file.path, file.name, file.size) == (b"b/file", b"file", 7)
        opened = tree.open(b"b/file")
        assert (opened.read(), opened.read()) == (b"content", b"")
        opened.close()


def test_nobody_leads_out_of_the_tree_by_what_is_put_in_a_place_after_it_was_listed(
    tmp_path: Path,
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "secret").write_bytes(b"open")
    with Tree(root) as tree:
        assert [one.path for one in tree.entries(b"sub")] == [b"sub/secret"]
        (root / "sub").rename(root / "was")
        (root / "sub").symlink_to(outside)
        for step in (lambda: tree.open(b"sub/secret"), lambda: tree.entries(b"sub")):
            with pytest.raises(UnreadableError):
                step()
        (root / "was" / "secret").unlink()
        (root / "was" / "secret").symlink_to(outside / "secret")
        with pytest.raises(UnreadableError):
            tree.open(b"was/secret")
        (root / "was" / "secret").unlink()
        os.mkfifo(root / "was" / "secret")
        with pytest.raises(UnreadableError):
            tree.open(b"was/secret")


@pytest.mark.parametrize("change", ["grown", "shrunk", "rewritten"])
def test_what_is_changed_while_it_is_read_is_noticed(tmp_path: Path, change: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"1" * 2 * PIECE)
    with Tree(tmp_path) as tree:
        opened = tree.open(b"file")
        opened.read()
        with file.open("r+b") as other:
            if change == "grown":
                other.seek(0, os.SEEK_END)
                other.write(b"more")
            elif change == "shrunk":
                other.truncate(PIECE + 1)
            else:
                other.write(b"2")
        # Whoever sets the time back does not get away with it.
        os.utime(file, ns=(opened.mtime_ns, opened.mtime_ns))
        with pytest.raises(ChangedWhileReadError):
            list(iter(opened.read, b""))
        opened.close()


def test_names_that_no_document_can_have() -> None:
    strict, mending = Naming(), Naming("cp1252")
    for raw in (b"caf\xe9.txt", b"a\nb", b"a\\b", b"  ", "exe\u202egpj".encode()):
        with pytest.raises(InvalidNameError):
            strict.name(raw)
    assert mending.name(b"caf\xe9.txt") == "café.txt"
    assert mending.name("café.txt".encode()) == "café.txt"
    assert mending.name(b"a\nb\\c") == "a_b_c"
    assert mending.name(b"  ") == "_"
    assert mending.name(b"a\x81") == "a\ufffd"  # no character of that encoding
    # Each of these is one character on disk, and becomes two.
    long = "\u0958" * 200 + ".txt"
    with pytest.raises(InvalidNameError):
        strict.name(long.encode())
    assert len(mending.name(long.encode())) == 255
    assert mending.name(long.encode()).endswith(".txt")


def test_paths_are_shown_without_harm() -> None:
    assert shown("Ärger/ü.txt".encode()) == "Ärger/ü.txt"
    assert shown(b"caf\xe9/\x1b[2J\n") == "caf\\xe9/\\x1b[2J\\n"
