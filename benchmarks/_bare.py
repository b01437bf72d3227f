"""The least an ASGI application can do with a body: take it and drop it, or send one frame over and over.

Served by the same uvicorn, it is what HTTP alone costs in `transfer.py`.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from storage import prepare_process

FRAME = bytes(512 * 1024)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Drain a POST; answer a GET of `/<bytes>` with so many bytes."""
    if scope["type"] != "http":
        return
    size = int(scope["path"].strip("/"))
    while (await receive()).get("more_body", False):
        pass
    headers = [(b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(size // len(FRAME)):
        await send({"type": "http.response.body", "body": FRAME, "more_body": True})
    await send({"type": "http.response.body", "body": FRAME[: size % len(FRAME)]})


prepare_process()
