"""Messages between the processes: length-prefixed JSON with an upper bound, which a hostile side cannot pass."""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from typing import Any

_LENGTH = struct.Struct("!I")
_CHUNK = 1 << 18


class ConnectionEnded(Exception):  # noqa: N818
    """The other side closed, or sent what is no message of ours."""


class DeadlinePassed(Exception):  # noqa: N818
    """The message did not arrive in time."""


def send_message(connection: socket.socket, message: object) -> None:
    """Send JSON; OSError if the other side is gone."""
    payload = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    connection.sendall(_LENGTH.pack(len(payload)) + payload)


def receive_message(connection: socket.socket, *, limit: int, deadline: float | None = None) -> Any:
    """Receive JSON of at most `limit` bytes before `deadline` (monotonic seconds).

    Raises ConnectionEnded, also for what is too long or no JSON, and DeadlinePassed.
    """
    return receive_sized(connection, limit=limit, deadline=deadline)[0]


def receive_sized(
    connection: socket.socket, *, limit: int, deadline: float | None = None
) -> tuple[Any, int]:
    """Like `receive_message`, with the number of bytes it had."""
    (length,) = _LENGTH.unpack(receive_exactly(connection, _LENGTH.size, deadline=deadline))
    if length > limit:
        raise ConnectionEnded(f"a message of {length} bytes, {limit} allowed")
    payload = receive_exactly(connection, length, deadline=deadline)
    try:
        return json.loads(payload), length
    except (ValueError, RecursionError) as problem:
        raise ConnectionEnded("not JSON") from problem


def receive_exactly(
    connection: socket.socket, size: int, *, deadline: float | None = None
) -> bytearray:
    """Receive `size` bytes; ConnectionEnded or DeadlinePassed otherwise.

    Memory grows with what came, not with what was announced.
    """
    data = bytearray()
    while len(data) < size:
        _wait(connection, deadline)
        try:
            chunk = connection.recv(min(_CHUNK, size - len(data)))
        except ConnectionError as problem:
            raise ConnectionEnded(str(problem)) from problem
        if not chunk:
            raise ConnectionEnded("closed")
        data += chunk
    return data


def _wait(connection: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        return
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise DeadlinePassed
