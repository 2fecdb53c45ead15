"""Which text encoding a file is in, found out by itself, and its text.

The whole file is decoded strictly, first as UTF-8, then as GB18030; a byte-order mark decides at
once. No byte is ever replaced or skipped: a file that fits no encoding is refused with its line.
"""

import codecs
from typing import NamedTuple

from tidegate.imports.refusal import ImportRefused

AUTOMATIC = "auto"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# GB18030 has a byte-order mark of its own; Python's codec leaves it in the text as U+FEFF.
_NO_BREAK_MARK = "\ufeff"


class DecodedText(NamedTuple):
    """A file's text and the encoding it was in."""

    text: str
    encoding: str


def check_encoding(name: str) -> None:
    """Raises ImportRefused where no such encoding is known."""
    try:
        if name != AUTOMATIC:
            codecs.lookup(name)
    except LookupError:
        raise ImportRefused(f"no encoding {name!r} is known: try utf-8 or gb18030") from None


def decode_text(raw: bytes, encoding: str = AUTOMATIC) -> DecodedText:
    """Decode a whole file strictly. Raises ImportRefused naming the first bad byte's line.

    A Latin-1 file whose non-ASCII bytes happen to pair up is valid GB18030 too; nothing can tell
    them apart, so the encoding that was found is always printed and can be overruled.
    """
    name = _named(raw) if encoding == AUTOMATIC else encoding
    if name is not None:
        return _finished(_strict(raw, name), name)
    try:
        return _finished(raw.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as utf8_error:
        try:
            return _finished(raw.decode("gb18030"), "gb18030")
        except UnicodeDecodeError as gb_error:
            raise ImportRefused(_both_failed(raw, utf8_error, gb_error)) from None


def _named(raw: bytes) -> str | None:
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return name
    return None


def _strict(raw: bytes, name: str) -> str:
    # The codec utf-8-sig counts a fault's offset without the mark; as plain UTF-8 it is exact.
    codec = "utf-8" if name == "utf-8-sig" else name
    try:
        return raw.decode(codec)
    except UnicodeDecodeError as error:
        raise ImportRefused(
            f"the file is not {name}: {_place(raw, error, name)}. "
            "Save it again as UTF-8, or name its encoding with --encoding."
        ) from None


def _finished(text: str, name: str) -> DecodedText:
    text = text.removeprefix(_NO_BREAK_MARK)
    zero = text.find("\0")
    if zero >= 0:
        line = text.count("\n", 0, zero) + 1
        raise ImportRefused(
            f"line {line} holds a zero byte: this is not a text file, or it is UTF-16 without a "
            "byte-order mark. Save it as CSV in UTF-8, or pass --encoding utf-16."
        )
    return DecodedText(text, name)


def _both_failed(raw: bytes, utf8: UnicodeDecodeError, gb: UnicodeDecodeError) -> str:
    return (
        "the file is neither UTF-8 nor GB18030. "
        f"As UTF-8 it fails at {_place(raw, utf8, 'utf-8')}; "
        f"as GB18030 at {_place(raw, gb, 'gb18030')}. Save it again as UTF-8."
    )


def _place(raw: bytes, error: UnicodeDecodeError, name: str) -> str:
    if name == "utf-16":
        # Line ends are two bytes wide here: count them in the text before the fault.
        line = raw[: error.start].decode("utf-16", errors="ignore").count("\n") + 1
    else:
        line = _line_at(raw, error.start)
    return f"line {line} (byte 0x{raw[error.start]:02X}, offset {error.start})"


def _line_at(raw: bytes, offset: int) -> int:
    # No multi-byte sequence of UTF-8 or GB18030 contains 0x0A or 0x0D, so counting is exact.
    newlines = raw.count(b"\n", 0, offset)
    if newlines == 0 and b"\n" not in raw:
        newlines = raw.count(b"\r", 0, offset)
    return newlines + 1
