"""Sealed bytes from one backend into another: no key is needed, and no plaintext comes about."""

from storage._backend import Draft, Source
from storage._errors import BlobDamagedError

_BITS = 1 << 20
"""Bytes read at a time: a multiple of every block size, and little beside a backend's pieces."""


def copy_sealed(source: Source, draft: Draft, digest: bytes) -> None:
    """Write into a draft all that a source has, and make it durable. Nothing is verified.

    Raises ``BlobDamagedError`` where the source cannot be read.
    """
    if source.size <= _BITS:
        _copy_small(source, draft)
    else:
        _copy_large(source, draft)
    draft.finish(digest)


def _copy_small(source: Source, draft: Draft) -> None:
    whole = bytearray(source.size)
    with memoryview(whole) as target:
        _read(source, target, 0)
    draft.write(whole)


def _copy_large(source: Source, draft: Draft) -> None:
    output = draft.output(_BITS)
    try:
        offset = 0
        while offset < source.size:
            length = min(_BITS, source.size - offset)
            with output.room() as room, room[:length] as target:
                _read(source, target, offset)
            output.advance(length)
            offset += length
        output.flush()
    finally:
        output.close()


def _read(source: Source, target: memoryview, offset: int) -> None:
    try:
        got = source.read_into([target], offset)
    except OSError as error:
        raise BlobDamagedError("file", f"it cannot be read: {error.strerror}") from error
    if got < len(target):
        raise BlobDamagedError("file", "it ends before its end")
