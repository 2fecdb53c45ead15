"""Who is told, by which ways, in which order: one private file a shop, secrets/alerts.toml.

Always readable by its owner alone (0600) or not used at all; recipients are duties, never names of
people. Never printed, logged or quoted in an error: an address holds its secret.
"""

import datetime as dt
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from tidegate.storage.sqlite_schema import sync_directory
from tidegate.watch.alarms import LEVEL_NAMES

FILE_NAME = "alerts.toml"
FILE_BYTES_MAX = 64 * 1024
LEVELS_MAX, WAYS_MAX, RECIPIENTS_MAX = 8, 32, 64
NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
ADDRESS = re.compile(r"[a-z][a-z0-9]{1,31}://\S{1,2000}")
_PRIVATE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
FIRST_MONDAY = dt.date(2026, 1, 5)

LevelName = Literal["note", "cap", "pause_promotion", "pause_sku", "pause_shop"]


class RecipientsUnusable(ValueError):
    """The file cannot be used; the message says why, and quotes no address."""


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of escalation: everybody of `tell`, and of `rota` whose turn it is."""

    tell: tuple[str, ...] = ()
    rota: tuple[str, ...] = ()
    turn_days: Annotated[int, Meta(ge=1, le=366)] = 7
    since: dt.date = FIRST_MONDAY
    handover_hour: Annotated[int, Meta(ge=0, le=23)] = 9

    def on_duty(self, at: dt.datetime) -> tuple[str, ...]:
        """Who is to be told at a moment of the shop's zone."""
        if not self.rota:
            return self.tell
        days = ((at - dt.timedelta(hours=self.handover_hour)).date() - self.since).days
        return (*self.tell, self.rota[days // self.turn_days % len(self.rota)])


class Recipients(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. Printing it shows no address."""

    ways: dict[str, str]
    recipients: dict[str, tuple[str, ...]]
    level: tuple[Level, ...]
    language: Literal["zh", "en"] = "zh"
    zone: str = "Asia/Shanghai"
    acknowledge_within_min: Annotated[float, Meta(ge=0.5, le=1440)] = 5.0
    repeat_every_min: Annotated[float, Meta(ge=1, le=1440)] = 30.0
    escalate_from: LevelName = "cap"

    def __repr__(self) -> str:
        return f"Recipients({len(self.ways)} ways, {len(self.level)} levels)"

    @property
    def escalates_from(self) -> int:
        """The lowest level of an alarm that wants an acknowledgement."""
        return LEVEL_NAMES.index(self.escalate_from)

    def wait_ms(self, step: int) -> int:
        """How long after a step the next one is due."""
        minutes = self.acknowledge_within_min
        if step >= len(self.level) - 1:
            minutes = self.repeat_every_min
        return int(minutes * 60_000)

    def at_step(self, step: int, wall_ms: int) -> tuple[tuple[str, str], ...]:
        """(recipient, way) pairs of a step; beyond the last step everybody who is on duty."""
        at = dt.datetime.fromtimestamp(wall_ms / 1000, dt.UTC).astimezone(ZoneInfo(self.zone))
        levels = self.level[step : step + 1] if step < len(self.level) else self.level
        names = dict.fromkeys(name for level in levels for name in level.on_duty(at))
        return tuple((name, way) for name in names for way in self.recipients[name])

    def everybody(self) -> tuple[tuple[str, str], ...]:
        """Every (recipient, way) pair there is."""
        return tuple((name, way) for name, ways in self.recipients.items() for way in ways)


def parsed(text: str) -> Recipients:
    """A file's text. Raises RecipientsUnusable."""
    try:
        found = msgspec.convert(tomllib.loads(text), Recipients, strict=False)
        ZoneInfo(found.zone)
    except tomllib.TOMLDecodeError as error:
        raise RecipientsUnusable(f"not TOML: {_place(str(error))}") from None
    except (ZoneInfoNotFoundError, OSError, KeyError):
        raise RecipientsUnusable("zone: no such time zone") from None
    except (msgspec.ValidationError, ValueError) as error:
        raise RecipientsUnusable(re.sub(r"\S*://\S*", "…", str(error))[:200]) from None
    _check(found)
    return found


def _place(words: str) -> str:
    """Where TOML went wrong; never what stood there."""
    found = re.search(r"\(at [^)]*\)", words)
    return found.group()[1:-1] if found else "look at quotes and brackets"


def _check(found: Recipients) -> None:
    if not 1 <= len(found.level) <= LEVELS_MAX:
        raise RecipientsUnusable(f"1 to {LEVELS_MAX} levels: [[level]]")
    if len(found.ways) > WAYS_MAX or len(found.recipients) > RECIPIENTS_MAX:
        raise RecipientsUnusable(f"at most {WAYS_MAX} ways and {RECIPIENTS_MAX} recipients")
    for name in (*found.ways, *found.recipients):
        if not NAME.fullmatch(name):
            raise RecipientsUnusable(
                "names of ways and recipients: small letters, digits, dashes; a duty, no person"
            )
    for name, address in found.ways.items():
        if not ADDRESS.fullmatch(address):
            raise RecipientsUnusable(f"ways.{name}: an address as apprise writes it, kind://…")
    for name, ways in found.recipients.items():
        if not ways or any(way not in found.ways for way in ways):
            raise RecipientsUnusable(f"recipients.{name}: one or more of the ways")
    for number, level in enumerate(found.level, 1):
        names = (*level.tell, *level.rota)
        if not names or any(name not in found.recipients for name in names):
            raise RecipientsUnusable(f"level {number}: one or more of the recipients")


def read_recipients(folder: Path) -> Recipients | None:
    """The file of a shop's secrets folder; None where there is none. Raises RecipientsUnusable."""
    path = folder / FILE_NAME
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecipientsUnusable(f"{FILE_NAME} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & _OTHERS:
            raise RecipientsUnusable(
                f"{FILE_NAME} is open to others; if nobody else can have read it: chmod 600 it,"
                " else change its secrets first"
            )
        data = os.read(descriptor, FILE_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(data) > FILE_BYTES_MAX:
        raise RecipientsUnusable(f"{FILE_NAME}: more than {FILE_BYTES_MAX} bytes")
    try:
        return parsed(data.decode())
    except UnicodeDecodeError:
        raise RecipientsUnusable(f"{FILE_NAME} is not UTF-8") from None


def write_recipients(folder: Path, text: str) -> Recipients:
    """Check a text and make it the shop's file, as a whole. Raises RecipientsUnusable, OSError."""
    found = parsed(text)
    partial = folder / f"{FILE_NAME}.partial"
    partial.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(partial, flags, _PRIVATE)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(folder / FILE_NAME)
    sync_directory(folder)
    return found


def changed(folder: Path) -> tuple[int, int]:
    """What differs when the file was replaced or edited; (0, 0) while there is none."""
    try:
        status = (folder / FILE_NAME).stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_ino)
