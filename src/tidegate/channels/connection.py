"""How a shop's channels are connected: kind, adapter and settings of each, in the ledger.

Always: a connection names a kind of the capability table and an adapter that exists. Never: holds
a key; that is a file of its own among the shop's secrets.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tidegate.channels.adapters.vendure_session import admin_address, credentials_of
from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.ledger import Ledger
from tidegate.channels.offers import OfferTerms
from tidegate.record.lines import KEY_KINDS

Adapter = Literal["bridge", "push", "folder", "vendure"]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says of a channel; everything has a default but the address of a bridge."""

    address: str = ""
    encoding: Literal["utf-8", "gb18030"] = "utf-8"
    poll_s: Seconds = 60
    price_s: Seconds = 300
    overlap_s: Seconds = 600
    silent_s: Seconds = 600
    verified: tuple[Literal["account", "phone", "address", "device"], ...] = ("account",)
    terms: OfferTerms = OfferTerms()
    phone: Annotated[str, Meta(max_length=64)] = ""  # whom to call at the platform
    hands_over: bool = True  # released orders go to the warehouse behind this adapter
    user: Annotated[str, Meta(max_length=128)] = ""  # of a shop system's administrator
    password_file: Annotated[str, Meta(max_length=1024)] = ""  # never the password itself

    def verified_bits(self) -> int:
        """Bit k: the channel vouches for keys of kind k."""
        return sum(1 << KEY_KINDS.index(kind) for kind in self.verified)


class Connection(msgspec.Struct, frozen=True):
    """One channel of a shop, connected."""

    channel: str
    kind: str
    adapter: Adapter
    settings: Settings
    stopped: bool
    stop_reason: str = ""


def put_connection(
    ledger: Ledger, channel: str, kind: str, adapter: Adapter, settings: Settings
) -> None:
    """Connect a channel, or change how it is. Raises UnknownKind, ValueError."""
    capabilities_of(kind)
    if adapter == "bridge" and not settings.address.startswith(("http://", "https://")):
        raise ValueError("a bridge needs its address: http(s)://host")
    if adapter == "vendure":
        admin_address(settings.address)
        if not settings.user or not settings.password_file:
            raise ValueError('Vendure needs --settings \'{"user": "…", "password_file": "…"}\'')
        credentials_of(settings.user, Path(settings.password_file))
    with ledger.writing() as connection:
        connection.execute(
            "INSERT INTO connection (channel, kind, adapter, settings) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET kind = excluded.kind, adapter = excluded.adapter,"
            " settings = excluded.settings",
            (channel, kind, adapter, msgspec.json.encode(settings).decode()),
        )


def connections(ledger: Ledger) -> list[Connection]:
    """Every connected channel, by name."""
    return [
        Connection(
            channel, kind, adapter, msgspec.json.decode(settings, type=Settings), bool(stopped), why
        )
        for channel, kind, adapter, settings, stopped, why in ledger.ask(
            "SELECT channel, kind, adapter, settings, stopped, stop_reason FROM connection"
            " ORDER BY channel"
        )
    ]


def set_stopped(ledger: Ledger, channel: str, *, stopped: bool) -> bool:
    """Stop a channel (一键停售) or let it sell again; False where it is not connected."""
    with ledger.writing() as connection:
        found = connection.execute(
            "UPDATE connection SET stopped = ? WHERE channel = ?", (int(stopped), channel)
        )
        if not stopped:
            connection.execute("DELETE FROM rung WHERE channel = ?", (channel,))
    return bool(found.rowcount)
