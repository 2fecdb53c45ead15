"""The places of one shop: identity table, files that people exchange, files that hold tokens only.

What is sealed is not searched for in bytes: nobody could. What is plain is, in every spelling that
the shop writes.
This module never shows what it found.
"""

import gzip
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tidegate.people.identity import IdentityTable
from tidegate.people.normalise import KIND_NAMES, IdentityMalformed, normalise
from tidegate.people.rights.places import Found, Outcome, PlaceFailed, Subject
from tidegate.people.vault.key_backups import wipe
from tidegate.people.vault.register import Register
from tidegate.storage.sqlite_schema import sync_directory

SEARCH_BYTES_MIN = 6  # shorter is found everywhere by chance
READ_BYTES = 1 << 22
LINE_SUFFIXES = {".csv", ".tsv", ".txt", ".jsonl", ".ndjson"}  # a record a line
TEXT_SUFFIXES = LINE_SUFFIXES | {".json", ".xml", ".html", ".md"}


class IdentityPlace:
    """Keyed hashes and tokens: die at the end of the limit period that still counts them."""

    name = "identity table"

    def __init__(self, identity: IdentityTable) -> None:
        self._identity = identity

    def find(self, subject: Subject) -> list[Found]:
        """How many of their values the table knows."""
        known = [token for token in self._known(subject) if token]
        return [Found("keyed hashes", len(known))] if known else []

    def erase(self, subject: Subject, why: str) -> Outcome:  # noqa: ARG002  the stream says why
        """Let them die when the limit period is over, and not before."""
        hashes = list(subject.identity_hashes)
        count = self._identity.forget_hashes(hashes, self._identity.limit_end_day) if hashes else 0
        # Who was met while a longer period ran lives to its end: that day is what is certified.
        until_day = self._identity.last_day_of(hashes) if count else 0
        return Outcome(
            self.name, count, 0, count, until_day,
            "limit period: PIPL 13(2), kept to count purchases and for nothing else",
        )  # fmt: skip

    def _known(self, subject: Subject) -> list[int]:
        hashes = list(subject.identity_hashes)
        return self._identity.known_tokens(hashes) if hashes else []


def subject_of(
    identity: IdentityTable, register: Register, person: int, values: Mapping[str, str]
) -> Subject:
    """Whom to look for, from values by name (`phone`, `address:home`)."""
    hashes = []
    for name, value in values.items():
        spelling = register.fields[name.partition(":")[0]].spelling
        if spelling in KIND_NAMES:
            try:
                hashes.append(identity.keyed_hash(KIND_NAMES.index(spelling), value))
            except IdentityMalformed:
                continue  # the door refused it as well: it was never exchanged
    tokens = [token for token in identity.known_tokens(hashes) if token] if hashes else []
    shared = frozenset(
        name for name in values if register.fields[name.partition(":")[0]].mask == "name"
    )
    return Subject(person, values, tokens, hashes, shared)


def spellings(values: Sequence[str]) -> tuple[list[bytes], int]:
    """Every way in which a file may write these values, and how many are too short to look for."""
    found: set[bytes] = set()
    short = 0
    for value in values:
        texts = {value}
        for kind in range(len(KIND_NAMES)):
            try:
                texts.add(normalise(kind, value))
            except IdentityMalformed:
                continue
        ways = {
            text.encode(encoding, "ignore")
            for text in texts
            for encoding in ("utf-8", "gb18030", "utf-16-le")
        }
        long = {way for way in ways if len(way) >= SEARCH_BYTES_MIN}
        found |= long
        short += not long
    return sorted(found), short


class FilesPlace:
    """Folders whose files people bring or take: exports, sheets for warehouses, platform files."""

    def __init__(self, name: str, folders: Callable[[], Sequence[Path]]) -> None:
        self.name = name
        self._folders = folders

    def find(self, subject: Subject) -> list[Found]:
        """How many files have any of their values."""
        count = sum(1 for _ in self._hits(subject))
        return [Found("files", count)] if count else []

    def erase(self, subject: Subject, why: str) -> Outcome:  # noqa: ARG002  the stream says why
        """Put stars in the place of the values in text files; delete other files whole."""
        hits = list(self._hits(subject))
        own, _ = spellings(subject.own_values)
        shared, _ = spellings(subject.shared_values)
        for path in hits:
            try:
                _redact(path, own, shared)
            except OSError as error:
                raise PlaceFailed(f"{path.name} in {self.name}: {error.strerror}") from error
        return Outcome(self.name, len(hits), len(hits))

    def _hits(self, subject: Subject) -> Iterator[Path]:
        patterns, _ = spellings(subject.own_values)
        for folder in self._folders():
            if folder.is_dir():
                for path in sorted(folder.rglob("*")):
                    if path.is_file() and not path.is_symlink() and _has(path, patterns):
                        yield path


class TokensOnlyPlace:
    """Databases, journals, logs: written with tokens only; looked through to see that it is so."""

    def __init__(self, name: str, files: Callable[[], Sequence[Path]]) -> None:
        self.name = name
        self._files = files

    def find(self, subject: Subject) -> list[Found]:
        """Files that hold a plain value, which none should."""
        patterns, _ = spellings(subject.own_values)
        count = sum(1 for path in self._files() if path.is_file() and _has(path, patterns))
        return [Found("files with a plain value", count)] if count else []

    def erase(self, subject: Subject, why: str) -> Outcome:  # noqa: ARG002  nothing is changed
        """Nothing to erase; raises PlaceFailed where a plain value is found after all."""
        if found := self.find(subject):
            raise PlaceFailed(
                f"{self.name}: {found[0].number} files hold a plain value, which no part of the"
                " system writes; look at them before this request is ended"
            )
        return Outcome(self.name, 0, 0, why="tokens only; they lead to nobody any more")


def _has(path: Path, patterns: Sequence[bytes]) -> bool:
    """Whether a file, unpacked where it is packed, has any of these bytes. Raises PlaceFailed."""
    try:
        return any(_found_in(pieces, patterns) for pieces in _contents(path))
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise PlaceFailed(f"{path.name} cannot be read: {type(error).__name__}") from error


def _contents(path: Path) -> Iterator[Iterator[bytes]]:
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as file:
            yield iter(lambda: file.read(READ_BYTES), b"")
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    yield iter(lambda member=member: member.read(READ_BYTES), b"")  # type: ignore[misc]
    else:
        with path.open("rb") as file:
            yield iter(lambda: file.read(READ_BYTES), b"")


def _found_in(pieces: Iterator[bytes], patterns: Sequence[bytes]) -> bool:
    longest = max((len(pattern) for pattern in patterns), default=0)
    tail = b""
    for piece in pieces:
        joined = tail + piece
        if any(pattern in joined for pattern in patterns):
            return True
        tail = joined[-longest:]
    return False


def _redact(path: Path, own: Sequence[bytes], shared: Sequence[bytes]) -> None:
    if path.suffix not in TEXT_SUFFIXES:
        wipe(path)
        sync_directory(path.parent)
        return
    content = path.read_bytes()
    # Others may have the same name: it goes where something of their own stands beside it.
    records = content.splitlines(keepends=True) if path.suffix in LINE_SUFFIXES else [content]
    making = path.with_name(path.name + ".making")
    making.write_bytes(b"".join(_starred(record, own, shared) for record in records))
    making.chmod(path.stat().st_mode & 0o777)
    wipe(path)
    making.rename(path)
    sync_directory(path.parent)


def _starred(record: bytes, own: Sequence[bytes], shared: Sequence[bytes]) -> bytes:
    if not any(pattern in record for pattern in own):
        return record
    for pattern in sorted((*own, *shared), key=len, reverse=True):
        record = record.replace(pattern, b"****")
    return record
