"""The file of a multipart/form-data body (RFC 7578), streamed: nothing is spooled."""

from collections.abc import AsyncIterator
from pathlib import PureWindowsPath

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from backend.content.errors import UploadIncompleteError

FIELD = "file"


class MultipartFile:
    """The first file named `file` in a multipart body, found as the body arrives."""

    def __init__(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        _, options = parse_options_header(content_type.encode())
        boundary = options.get(b"boundary")
        if not boundary:
            raise UploadIncompleteError("The multipart body names no boundary.")
        self.name: str | None = None
        self._body = body
        self._headers: dict[bytes, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._in_file = False
        self._found = False
        self._ended = False
        self._chunks: list[bytes] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    async def open(self) -> str | None:
        """Read up to the file and return its name.

        Raises:
            UploadIncompleteError: the body is malformed, or has no file named `file`.
        """
        while not self._found:
            if not await self._feed():
                raise UploadIncompleteError(f"The multipart body has no file named {FIELD!r}.")
        return self.name

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the file's bytes, then read the body to its end.

        Raises:
            UploadIncompleteError: the body ended before its last boundary.
        """
        while True:
            for chunk in self._chunks:
                yield chunk
            self._chunks.clear()
            if not await self._feed():
                break
        if not self._ended:
            raise UploadIncompleteError(
                "The multipart body ended early. Nothing was kept; upload it again."
            )

    async def _feed(self) -> bool:
        async for chunk in self._body:
            try:
                self._parser.write(chunk)
            except MultipartParseError as error:
                raise UploadIncompleteError(f"The multipart body is malformed: {error}") from error
            return True
        return False

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._in_file = not self._found and options.get(b"name") == FIELD.encode()
        if self._in_file:
            self._found = True
            file_name = options.get(b"filename")
            # Some clients send the whole path of the file on their disk.
            self.name = (
                PureWindowsPath(file_name.decode(errors="replace")).name if file_name else None
            )

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._chunks.append(data[start:end])

    def _on_part_end(self) -> None:
        self._in_file = False

    def _on_end(self) -> None:
        self._ended = True
