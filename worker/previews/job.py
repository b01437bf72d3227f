"""What a reader of the sandbox does to draw: the zygote's side of `runner`.

It answers with messages: the sizes of the pages, then each picture with its bytes behind it, each page that could not
be drawn, and the end. Whatever arrived before a reader was killed is good.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from worker.extraction.sandbox import wire
from worker.extraction.sandbox.confine import limit_reader
from worker.previews.drawing import draw_stream, load_all
from worker.previews.model import Drawing, DrawLimits, Picture, Wanted

load = load_all


def run(
    request: dict[str, Any],
    document: int,
    connection: socket.socket,
    *,
    engines: Sequence[int],
    base_size: int,
) -> None:
    """Draw what is asked of the open document and send it."""
    del engines  # nothing is recognised
    limits = DrawLimits(**request["limits"])
    limit_reader(memory_bytes=base_size + limits.memory_bytes, cpu_seconds=limits.cpu_seconds)

    def send_picture(picture: Picture) -> None:
        wire.send_message(
            connection,
            {
                "picture": [picture.page, picture.asked_width, picture.width, picture.height],
                "bytes": len(picture.data),
            },
        )
        connection.sendall(picture.data)

    try:
        with open(document, "rb") as stream:
            ended = draw_stream(
                stream,
                media_type=request["media_type"],
                wanted=[Wanted(page, width) for page, width in request["wanted"]],
                limits=limits,
                on_sizes=lambda sizes: wire.send_message(connection, {"sizes": list(sizes)}),
                on_picture=send_picture,
                on_broken=lambda page, why: wire.send_message(connection, {"broken": [page, why]}),
            )
    except OSError as problem:
        ended = Drawing("failed", f"Drawing it was broken off ({problem}).")
    wire.send_message(connection, {"end": [ended.status, ended.detail]})
