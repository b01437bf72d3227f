"""The threads behind a large write: digest ‖ compress ‖ seal and write, in order.

Every frame goes to two places at once: to the digest thread, which hashes it, and to the shared
pool, whose results the sealing thread takes in order. A fixed number of tokens bounds the frames
under way, so whoever submits waits for the slowest side.

After a failure every stage goes on taking frames and does nothing with them: so nobody who
waits for a token or a thread waits for ever.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Protocol

from storage._seal import Frame

Encoded = bytes | memoryview
_DEPTH = 6


class Digest(Protocol):
    """What every frame is shown, in order: a hash of ``hashlib``, or what stands for one."""

    def update(self, data: memoryview, /) -> None:
        """Take the next frame's content."""
        ...


class Pipeline:
    """Takes the frames of one blob, in order."""

    def __init__(
        self,
        *,
        executor: Executor,
        encode: Callable[[Frame], Encoded],
        consume: Callable[[Encoded], None],
        recycle: Callable[[Frame], None],
        digest: Digest,
    ) -> None:
        self._executor = executor
        self._encode = encode
        self._consume = consume
        self._recycle = recycle
        self._digest = digest
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._tokens: SimpleQueue[None] = SimpleQueue()
        for _ in range(_DEPTH):
            self._tokens.put(None)
        self._to_digest: SimpleQueue[Frame | None] = SimpleQueue()
        self._to_seal: SimpleQueue[tuple[Frame, Future[Encoded]] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._digest_frames, name="store-digest", daemon=True),
            threading.Thread(target=self._seal_frames, name="store-seal", daemon=True),
        ]
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:
            self._end_threads()
            raise

    def submit(self, frame: Frame) -> None:
        """Take over a frame; blocks while too many are under way.

        Raises what any stage has raised; the frame is then recycled all the same.
        """
        self._tokens.get()
        frame.holders = 2
        encoding = self._executor.submit(self._encode_unless_failed, frame)
        self._to_seal.put((frame, encoding))
        self._to_digest.put(frame)
        if self._failure is not None:
            raise self._failure

    def finish(self) -> None:
        """Wait until every frame is hashed, sealed and written; raises what a stage has raised."""
        self._join()
        if self._failure is not None:
            raise self._failure

    def abort(self) -> None:
        """Stop working and wait for the threads."""
        self._fail(RuntimeError("the write was aborted"))
        self._join()

    def _join(self) -> None:
        self._end_threads()
        for thread in self._threads:
            thread.join()

    def _end_threads(self) -> None:
        self._to_digest.put(None)
        self._to_seal.put(None)

    def _fail(self, failure: BaseException) -> None:
        with self._lock:
            if self._failure is None:
                self._failure = failure

    def _release(self, frame: Frame) -> None:
        with self._lock:
            frame.holders -= 1
            last = frame.holders == 0
        if last:
            self._recycle(frame)
            self._tokens.put(None)

    def _digest_frames(self) -> None:
        while (frame := self._to_digest.get()) is not None:
            if self._failure is None:
                self._digest.update(frame.content)
            self._release(frame)

    def _encode_unless_failed(self, frame: Frame) -> Encoded:
        return self._encode(frame) if self._failure is None else b""

    def _seal_frames(self) -> None:
        while (item := self._to_seal.get()) is not None:
            frame, encoding = item
            try:
                encoded = encoding.result()
                if self._failure is None:
                    self._consume(encoded)
            except BaseException as failure:  # noqa: BLE001 - it is raised again in the caller
                self._fail(failure)
            self._release(frame)
