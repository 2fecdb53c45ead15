"""A file on disk to a Table: its bytes, its SHA-256, what kind of file it is.

The kind is told by the first bytes, never by the name. Every read is bounded, packed or unpacked.
"""

import gzip
import hashlib
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

from tidegate.imports.delimited import read_delimited
from tidegate.imports.encodings import AUTOMATIC, decode_text
from tidegate.imports.refusal import ImportRefused
from tidegate.imports.spreadsheets import read_spreadsheet
from tidegate.imports.tables import Table

FILE_BYTES_MAX = 512 << 20
UNPACKED_BYTES_MAX = 1 << 30
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class Reading:
    """How to read a file where it does not say so itself."""

    encoding: str = AUTOMATIC
    delimiter: str | None = None
    sheet: str | None = None


@dataclass(frozen=True)
class FileRead:
    """A file that was read whole: its table and the digest of its bytes as they lie on disk."""

    table: Table
    sha256: str
    size_bytes: int


def read_file(path: Path, reading: Reading = Reading()) -> FileRead:
    """Read CSV, gzip-compressed CSV or XLSX. Raises ImportRefused saying what to do."""
    raw = _bytes_of(path)
    digest = hashlib.sha256(raw).hexdigest()
    table = table_of(unpacked(raw), reading)
    return FileRead(table, digest, len(raw))


def table_of(raw: bytes, reading: Reading = Reading()) -> Table:
    """The table in these bytes (not compressed)."""
    if raw.startswith(_ZIP):
        return read_spreadsheet(raw, reading.sheet)
    if raw.startswith(_OLD_EXCEL):
        raise ImportRefused(
            "this is an old .xls workbook: save it as .xlsx or CSV, and import that"
        )
    decoded = decode_text(raw, reading.encoding)
    return read_delimited(decoded.text, decoded.encoding, reading.delimiter)


def unpacked(raw: bytes) -> bytes:
    """The bytes themselves, or what is inside one gzip layer, up to UNPACKED_BYTES_MAX."""
    if not raw.startswith(_GZIP):
        return raw
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
            content = packed.read(UNPACKED_BYTES_MAX + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise ImportRefused(f"the gzip file is damaged: {error}") from None
    if len(content) > UNPACKED_BYTES_MAX:
        raise ImportRefused(f"the file unpacks to more than {UNPACKED_BYTES_MAX:,} bytes; split it")
    return content


def _bytes_of(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            raise ImportRefused(f"{path} has {size:,} bytes; at most {FILE_BYTES_MAX:,} are read")
        return path.read_bytes()
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read: {error.strerror}") from None
