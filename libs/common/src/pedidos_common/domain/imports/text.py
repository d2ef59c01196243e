"""Bytes of an upload to numbered lines of text, in pieces of any size, in bounded memory."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from pedidos_common.domain.imports.rows import MAX_ROW_CHARACTERS, ImportRejected

# Undecodable bytes become lone surrogates, which no valid text holds: the row that has one is
# rejected, and its neighbours are not.
ENCODINGS = {
    "utf-8": "surrogateescape",
    "iso8859-1": "surrogateescape",
    "iso8859-15": "surrogateescape",
    "cp1252": "surrogateescape",
    "utf-16": "surrogatepass",
    "utf-16-le": "surrogatepass",
    "utf-16-be": "surrogatepass",
}
_ACCEPTED = "utf-8, latin-1, iso-8859-15, windows-1252, utf-16, utf-16-le, utf-16-be"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ARCHIVES = ((b"PK\x03\x04", "a zip archive or a spreadsheet"), (b"\x1f\x8b", "gzip data"))
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
_LONGEST_MARK = 4


class Line(NamedTuple):
    """A line without its end, and its number from 1; None in place of one that is too long."""

    number: int
    text: str | None


def codec_of(encoding: str) -> str:
    """The codec that a person's `encoding` names.

    Raises:
        ImportRejected: when it is not one that imports read.
    """
    try:
        name = codecs.lookup(encoding.strip()).name
    except (LookupError, ValueError):  # unknown; a NUL, or what is no text in any encoding
        name = ""
    name = "utf-8" if name == "utf-8-sig" else name
    if name not in ENCODINGS:
        raise ImportRejected(f"encoding {encoding!r} is not read; use one of {_ACCEPTED}")
    return name


def unreadable(text: str) -> bool:
    """Whether the text holds bytes that were not valid in the file's encoding, or a NUL."""
    if text.isascii():
        return "\x00" in text
    return _UNREADABLE.search(text) is not None


class Lines:
    """Decodes and splits. A byte order mark at the start wins over the given encoding."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self._codec = codec_of(encoding)
        self._decoder: codecs.IncrementalDecoder | None = None
        self._start = b""
        self._carry = ""
        self._held_return = ""
        self._skipping = False
        self._number = 1

    def feed(self, data: bytes, final: bool = False) -> Iterator[Line]:
        """The lines that end within `data`; with `final`, the last one too.

        Raises:
            ImportRejected: when the file is no text at all (an archive).
        """
        yield from self._split(self._decode(data, final), final)

    def _decode(self, data: bytes, final: bool) -> str:
        if self._decoder is None:
            self._start += data
            if len(self._start) < _LONGEST_MARK and not final:
                return ""
            self._decoder, data = self._open(self._start)
        try:
            return self._decoder.decode(data, final)
        except UnicodeDecodeError:  # an odd byte at the very end of UTF-16
            return "\udc80"

    def _open(self, start: bytes) -> tuple[codecs.IncrementalDecoder, bytes]:
        for magic, kind in _ARCHIVES:
            if start.startswith(magic):
                raise ImportRejected(f"the file is {kind}, not text: unpack or save it as CSV")
        for mark, codec in _MARKS:
            if start.startswith(mark):
                return codecs.getincrementaldecoder(codec)(ENCODINGS[codec]), start[len(mark) :]
        codec = "utf-16-le" if self._codec == "utf-16" else self._codec
        return codecs.getincrementaldecoder(codec)(ENCODINGS[codec]), start

    def _split(self, text: str, final: bool) -> Iterator[Line]:
        text = self._held_return + text
        self._held_return = "\r" if text.endswith("\r") and not final else ""
        text = text[: len(text) - len(self._held_return)]
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        *whole, last = text.split("\n")
        for piece in whole:
            yield self._line(piece)
        self._keep(last)
        if final and (self._carry or self._skipping):
            yield self._line("")

    def _line(self, piece: str) -> Line:
        text = self._carry + piece if self._carry else piece
        long = self._skipping or len(text) > MAX_ROW_CHARACTERS
        self._carry, self._skipping = "", False
        self._number += 1
        return Line(self._number - 1, None if long else text)

    def _keep(self, piece: str) -> None:
        self._carry += piece
        if len(self._carry) > MAX_ROW_CHARACTERS:
            self._carry, self._skipping = "", True
