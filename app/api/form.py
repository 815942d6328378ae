"""Parse a multipart form (RFC 7578) as it arrives, and keep it in memory.

Starlette's parser would write files to disk before their size is known.
"""

from collections.abc import Collection
from io import BytesIO
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.api.problems import ProblemError, invalid_body, problem

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_PARTS = 100
"""Far more than there are parameters; every part takes time, even one that is ignored."""

LONGEST_TEXT = 1000
"""Bytes that a parameter may have."""

LONGEST_NAME = 255
"""Bytes that a file name may have."""

_FILE_TYPES = ("image/", "application/octet-stream")


class Form:
    """The files and the requested text fields of a form, parsed part by part.

    A part is a file if it has a file name, declares the content type of a file, or belongs to a
    field for files. Text fields that were not requested, such as anti-forgery tokens, are ignored;
    so are file fields that were left empty.
    """

    def __init__(
        self, boundary: bytes, fields: Collection[str], texts: Collection[str], *, any_name: bool
    ) -> None:
        """Take the fields for files; `any_name` accepts a single file in any field instead."""
        if not boundary:
            raise _malformed("Content-Type names no boundary")
        self._fields, self._wanted, self._any_name = fields, texts, any_name
        self._files: dict[str, BytesIO] = {}
        self._texts: dict[str, BytesIO] = {}
        self._unnamed: set[str] = set()
        self._parts = 0
        self._current: BytesIO | None = None
        self._room = 0
        self._name = self._header_name = self._header_value = ""
        self._headers: dict[str, str] = {}
        self._complete = False
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._extend_header_name,
            "on_header_value": self._extend_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open_part,
            "on_part_data": self._extend_part,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise _malformed(str(error)) from None

    def feed(self, chunk: bytes) -> None:
        """Parse the next bytes; raise ProblemError (400, 422)."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(str(error)) from None

    def finish(self) -> tuple[dict[str, bytes], dict[str, str]]:
        """Return the files and the requested text fields by name, once all bytes have been fed."""
        if not self._complete:
            raise _malformed("it ends before its last boundary")
        files = {name: part.getvalue() for name, part in self._files.items()}
        for name, data in files.items():
            if name in self._unnamed and _is_line(data):
                raise invalid_body(
                    name,
                    f"The field `{name[:40]}` is text in place of a file; with curl, write "
                    f"{name[:40]}=@PATH.",
                )
        texts = {name: part.getvalue() for name, part in self._texts.items()}
        return files, {name: text.decode(errors="replace") for name, text in texts.items() if text}

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _malformed(f"it has more than {MAX_PARTS} parts")
        self._headers, self._current = {}, None

    def _extend_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end].decode("latin-1")

    def _extend_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end].decode("latin-1")

    def _end_header(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = ""

    def _open_part(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition"))
        self._name = options.get(b"name", b"").decode("utf-8", errors="replace")
        kind = self._headers.get("content-type", "").strip().lower()
        if b"filename" in options:
            is_file = options[b"filename"] != b""
        else:
            is_file = kind.startswith(_FILE_TYPES)
        if is_file or self._name in self._fields:
            self._current = self._opened(self._files)
            if not is_file:
                self._unnamed.add(self._name)
            self._check_files()
        elif self._name in self._wanted:
            self._current = self._opened(self._texts)
            self._room = LONGEST_TEXT

    def _opened(self, parts: dict[str, BytesIO]) -> BytesIO:
        if self._name in self._files or self._name in self._texts:
            self._refuse(f"The form has the field `{self._shown}` more than once.")
        return parts.setdefault(self._name, BytesIO())

    def _check_files(self) -> None:
        taken = " and ".join(f"`{field}`" for field in self._fields)
        if self._any_name and len(self._files) > 1:
            self._refuse(f"The form has several files; send one, in the field {taken}.")
        if not self._any_name and self._name not in self._fields:
            self._refuse(f"The form has a file `{self._shown}`; it may have {taken} alone.")

    def _extend_part(self, data: bytes, start: int, end: int) -> None:
        if self._current is None:
            return
        if self._name in self._texts:
            self._room -= end - start
            if self._room < 0:
                self._refuse(f"The field `{self._shown}` is longer than {LONGEST_TEXT} bytes.")
        self._current.write(memoryview(data)[start:end])

    def _end(self) -> None:
        self._complete = True

    @property
    def _shown(self) -> str:
        return self._name[:40]

    def _refuse(self, detail: str) -> None:
        raise invalid_body(self._name, detail)


def _is_line(data: bytes) -> bool:
    """Return whether a file is a short line of text, such as a mistyped path."""
    return 0 < len(data) <= LONGEST_NAME and data.isascii() and data.decode().isprintable()


def _malformed(reason: str) -> ProblemError:
    return problem("malformed-form", reason=reason.rstrip("."))
