"""Sends what a shop's outbox holds, until nothing waits, or until it is killed.

python messages_worker.py FOLDER MAIL_PORT BRIDGE_URL
"""

import runpy
import sys
import time
from pathlib import Path

from tidegate.journal.sqlite import SqliteJournal
from tidegate.people.messages import outbox as ob
from tidegate.people.messages.outbox import Outbox, WayOut
from tidegate.people.messages.port import MessagePort
from tidegate.people.messages.smtp import SmtpSettings, SmtpTransport
from tidegate.people.messages.transports import Transport
from tidegate.people.messages.webhook import WebhookSettings, WebhookTransport
from tidegate.people.pack import load_pack
from tidegate.people.shop_people import open_people
from tidegate.testing.people_house import NOON_MS

HOUSE = runpy.run_path(str(Path(__file__).parents[1] / "rules" / "messages_house.py"))
FIELDS = {"mail": "email", "sms": "phone"}


def open_port(folder: Path, mail_port: int, bridge_url: str) -> MessagePort:
    """The port on files; every person's addresses are made from their number."""
    journal = SqliteJournal(folder / "stream", "people:own")
    people = open_people(journal, "worker", lambda: "Asia/Shanghai", load_pack())

    class Addresses:
        def address(self, person: int, purpose: str, channel: str, field: str) -> str:
            return f"p{person}@example.com" if field == "email" else f"138{person:08d}"

    def transport_of(way: WayOut) -> Transport:
        if way.kind == "smtp":
            settings = SmtpSettings("127.0.0.1", mail_port, "shop@example.com", "none")
            return SmtpTransport(settings)
        webhook = WebhookSettings(bridge_url)
        return WebhookTransport(webhook, HOUSE["BRIDGE_KEY"], lambda: NOON_MS)

    port = MessagePort(
        people, Outbox(folder / "messages.db"), Addresses(), transport_of, lambda: NOON_MS,
        time.monotonic,
    )  # fmt: skip
    for channel, kind in (("mail", "smtp"), ("sms", "webhook")):
        port.outbox.put_way(WayOut(channel, kind, {}, FIELDS[channel], 60_000))
    return port


def main() -> None:
    """Until nothing waits."""
    port = open_port(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    port.start()
    while any(port.outbox.in_state(state, 1) for state in (ob.QUEUED, ob.SENDING)):
        port.turn()


if __name__ == "__main__":
    main()
