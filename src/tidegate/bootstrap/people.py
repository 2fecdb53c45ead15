"""A shop's people as `serve` has them: stream, proofs, outbox, and the thread that sends.

Always: the stream is owned by the process that owns the shop. Never: a message leaves from any
other thread than the one here.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from tidegate.access.secrets import ShopSecrets
from tidegate.bootstrap.shops import OpenShop
from tidegate.bootstrap.stores import NoSuchStore, existing_store
from tidegate.desk.clock import Clock
from tidegate.desk.durable import owner_name
from tidegate.http.people_doors import PeopleDoors
from tidegate.journal.sqlite import SqliteJournal
from tidegate.people.messages.files import FilesTransport
from tidegate.people.messages.from_vault import VaultAddresses
from tidegate.people.messages.outbox import UNKNOWN, Outbox, WayOut
from tidegate.people.messages.port import MessagePort
from tidegate.people.messages.smtp import SmtpSettings, SmtpTransport
from tidegate.people.messages.transports import Transport
from tidegate.people.messages.webhook import WebhookSettings, WebhookTransport
from tidegate.people.pack import DAY_MS, load_pack
from tidegate.people.proofs import PeopleProofs, people_signer
from tidegate.people.shop_people import STREAM, ShopPeople, open_people
from tidegate.storage.sqlite_schema import sync_directory
from tidegate.store_paths import ShopPaths

RESTORED_FILE = "people.restored"  # a restore leaves it; whoever opens the stream takes it away
KEY_BYTES = 32
TURN_S = 0.5
KEEP_ENDED_MS = 30 * DAY_MS
KEEP_MARKETING_MS = 180 * DAY_MS  # so long a reply can stop what comes after
TIDY_EVERY_S = 3600.0

log = structlog.get_logger("tidegate.people")


@dataclass(frozen=True)
class OpenPeople:
    """Everything of one shop that concerns persons' choices and messages, opened."""

    name: str
    people: ShopPeople
    proofs: PeopleProofs
    port: MessagePort
    addresses: VaultAddresses
    sending: "Sending"

    def close(self) -> None:
        """Stop sending, then let go of the files."""
        self.sending.stop()
        self.port.outbox.close()
        self.proofs.close()
        self.people.stream.close()


def people_doors(opened: OpenPeople) -> PeopleDoors:
    """What the HTTP doors reach of it."""
    return PeopleDoors(opened.people, opened.proofs, opened.port)


class Sending:
    """The thread that sends what is due. A fault is logged, and the next turn tries again."""

    def __init__(
        self, shop: str, port: MessagePort, now_ms: Callable[[], int], turn_s: float = TURN_S
    ) -> None:
        self._shop = shop
        self._port = port
        self._now_ms = now_ms
        self._turn_s = turn_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"messages-{shop}", daemon=True)
        self._tidied_ms = 0
        self._unknown = 0
        self.fault = ""

    def remark(self) -> str:
        """What people should know; "" where all is well."""
        if self.fault:
            return f"messages are not sent ({self.fault}): look at the log, see to the disk"
        if self._port.faults:
            ways = ", ".join(f"{way} ({why})" for way, why in sorted(self._port.faults.items()))
            return f"no message leaves by {ways}: `tidegate people message connect`"
        if self._unknown:
            return (
                f"{self._unknown} messages may have arrived or not: look, then"
                " `tidegate people message resolve`"
            )
        return ""

    def start(self) -> None:
        """Look after what a killed process left, then send."""
        unknown = self._port.start()
        if unknown:
            log.warning("messages_unknown", shop=self._shop, count=unknown)
        self._thread.start()

    def stop(self) -> None:
        """End after the message that is under way. Stopping twice is fine."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._turn_s):
            try:
                self._port.turn()
                self._unknown = self._port.outbox.count(UNKNOWN)
                self._tidy()
                self.fault = ""
            except Exception as error:  # noqa: BLE001 -- shown, tried again
                # Without its text: it may quote what was being sent.
                self.fault = type(error).__name__
                log.warning("messages_failed", shop=self._shop, error=self.fault)

    def _tidy(self) -> None:
        now_ms = self._now_ms()
        if now_ms - self._tidied_ms >= TIDY_EVERY_S * 1000:
            self._tidied_ms = now_ms
            outbox = self._port.outbox
            outbox.forget_before(now_ms - KEEP_ENDED_MS, marketing_too=False)
            outbox.forget_before(now_ms - KEEP_MARKETING_MS, marketing_too=True)


def open_shop_people(
    name: str,
    paths: ShopPaths,
    secrets: ShopSecrets,
    zone: Callable[[], str],
    now_ms: Callable[[], int],
    monotonic_s: Callable[[], float],
) -> OpenPeople:
    """Open (or make) a shop's people's stream and what works on it; nothing is sent yet.

    Raises StoreInUse, storage's and the journal's errors.
    """
    paths.people.mkdir(mode=0o700, parents=True, exist_ok=True)
    journal = SqliteJournal(paths.people, STREAM.format(shop=name))
    try:
        people = open_people(journal, owner_name(os.getpid()), zone, load_pack())
        proofs = PeopleProofs(
            paths.people_trees, journal, secrets.salt_key,
            people_signer(name, secrets.signing_key), now_ms,
        )  # fmt: skip
        outbox = Outbox(paths.messages)
        note_if_restored(paths, people, outbox, now_ms())
    except BaseException:
        journal.close()
        raise
    addresses = VaultAddresses()

    def transport_of(way: WayOut) -> Transport:
        return build_transport(way, paths, now_ms)

    port = MessagePort(people, outbox, addresses, transport_of, now_ms, monotonic_s)
    sending = Sending(name, port, now_ms)
    return OpenPeople(name, people, proofs, port, addresses, sending)


def open_served_people(shop: OpenShop, clock: Clock) -> OpenPeople:
    """The people of a shop that this process serves, in the shop's zone as it is."""
    return open_shop_people(
        shop.name, shop.paths, shop.secrets, lambda: shop.days.zone, clock.now_ms,
        clock.monotonic_s,
    )  # fmt: skip


def note_if_restored(paths: ShopPaths, people: ShopPeople, outbox: Outbox, at_ms: int) -> None:
    """After a restore nothing that the copy does not know is taken to be so.

    Its consents open nothing until somebody vouches for what was withdrawn since, and a message
    that waits in it may have left long ago: a person looks.
    """
    mark = restored_mark(paths)
    if mark.exists():
        outbox.doubt_all(at_ms)
        people.ledger.note_restored(at_ms)
        mark.unlink()
        sync_directory(mark.parent)


def restored_mark(paths: ShopPaths) -> Path:
    """The file that says that the people's stream is a copy which nobody has settled yet."""
    return paths.folder / RESTORED_FILE


def build_transport(way: WayOut, paths: ShopPaths, now_ms: Callable[[], int]) -> Transport:
    """The way out that an operator described. Raises ValueError, OSError."""
    if way.kind == "smtp":
        secret = message_secret(paths, way.channel)
        password = secret.read_text("utf-8").strip() if secret.exists() else ""
        return SmtpTransport(SmtpSettings(**way.settings), password)
    if way.kind == "webhook":
        key = bytes.fromhex(message_secret(paths, way.channel).read_text("utf-8").strip())
        return WebhookTransport(WebhookSettings(**way.settings), key, now_ms)
    if way.kind == "files":
        return FilesTransport(Path(way.settings["folder"]))
    raise ValueError(f"a message leaves by smtp, webhook or files, not by {way.kind}")


def message_secret(paths: ShopPaths, channel: str) -> Path:
    """Where a way out has its password (smtp) or signing key in hex (webhook)."""
    return paths.secrets / f"message-{channel}.key"


def put_way_out(
    root: Path,
    shop: str,
    channel: str,
    kind: str,
    settings: dict[str, Any],
    field: str,
    per_minute: int,
    password: str,
    random_bytes: Callable[[int], bytes],
) -> str:
    """Say how a channel's messages leave, beside whoever serves the shop.

    The key of a webhook in hex when it was made now, else "". Raises ValueError, storage's errors.
    """
    paths = existing_store(root).shop(shop)
    if not paths.secrets.is_dir():
        raise NoSuchStore(f"there is no shop {shop} in {root}")
    secret, shown = message_secret(paths, channel), ""
    if kind == "webhook" and not secret.exists():
        shown = random_bytes(KEY_BYTES).hex()
        write_private(secret, shown)
    elif password:
        secret.unlink(missing_ok=True)
        write_private(secret, password)
    way = WayOut(channel, kind, settings, field, per_minute)
    try:
        build_transport(way, paths, lambda: 0)  # what cannot be built is refused now
    except (TypeError, KeyError) as wrong:
        raise ValueError(f"settings: {wrong}") from None
    paths.people.mkdir(mode=0o700, parents=True, exist_ok=True)
    outbox = Outbox(paths.messages)
    try:
        outbox.put_way(way)
    finally:
        outbox.close()
    return shown


def write_private(path: Path, text: str) -> None:
    """A new file that only its owner may read, durably."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)
