"""A process that sends is killed again and again: no mail twice, no SMS lost, nothing unaccounted.

Always real processes, real files and servers on the loopback; what arrived there is the judge.
"""

import email
import email.policy
import runpy
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from tidegate.people.messages import outbox as ob
from tidegate.people.messages.outbox import Outbox
from tidegate.people.messages.port import Wanted
from tidegate.people.shop_people import ShopPeople
from tidegate.testing.people_house import ACTOR, NOON_MS, example_notice

WORKER = Path(__file__).with_name("messages_worker.py")
HOUSE = runpy.run_path(str(Path(__file__).parents[1] / "rules" / "messages_house.py"))
open_port = runpy.run_path(str(WORKER))["open_port"]
EACH = 60
KILLS = 6
DEADLINE_S = 60.0


def fill(folder: Path) -> list[str]:
    """Queue messages by mail and SMS; their keys."""
    port = open_port(folder, 0, "http://127.0.0.1:9/")
    people: ShopPeople = port._people
    people.notices.publish(people.stream, example_notice(), ACTOR, NOON_MS)
    people.templates.put(people.stream, HOUSE["SHIPPED"], ACTOR, NOON_MS)
    keys = []
    for number in range(EACH):
        for channel in ("mail", "sms"):
            key = f"{channel}-{number}"
            wanted = Wanted(key, 100 + number, "shipped", channel, "zh-CN", HOUSE["VALUES"])
            port.send(wanted, ACTOR)
            keys.append(key)
    port.outbox.close()
    people.stream.close()
    return keys


def until(holds: Callable[[], bool], worker: "subprocess.Popen[bytes]") -> None:
    """Or until the worker ended by itself."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not holds() and worker.poll() is None:
        assert time.monotonic() < deadline_s, "nothing arrives"
        time.sleep(0.001)


def test_kills_between_marking_and_hearing_are_accounted_for(tmp_path: Path) -> None:
    fill(tmp_path)
    with HOUSE["mail_server"]() as mails, HOUSE["bridge"]() as bridge:

        def slowly(_server: object, _envelope: object) -> str:
            time.sleep(0.004)  # the server's own time: a kill may fall into it
            return "250 taken"

        mails.answer = slowly
        command = [sys.executable, str(WORKER), str(tmp_path), str(mails.port), bridge.url]
        for kill in range(KILLS):
            wanted = len(mails.mails) + 3 + kill % 3 + len(bridge.requests)
            worker = subprocess.Popen(command)
            until(lambda n=wanted: len(mails.mails) + len(bridge.requests) >= n, worker)  # type: ignore[misc]
            worker.kill()
            worker.wait()
        assert subprocess.run(command, check=False, timeout=DEADLINE_S).returncode == 0
        arrived = Counter(
            str(email.message_from_bytes(content, policy=email.policy.default)["Message-ID"])
            for _, content in mails.mails
        )
        texts = set(bridge.sent)
    outbox = Outbox(tmp_path / "messages.db")
    rows = [row for state in ob.STATES for row in outbox.in_state(state)]
    outbox.close()
    assert len(rows) == 2 * EACH
    assert set(arrived.values()) == {1}  # no mail twice
    for row in rows:
        if row.channel == "sms":
            assert (row.state, row.key in texts) == (ob.SENT, True)
            continue
        key = f"<{sha256(row.key.encode()).hexdigest()[:32]}@example.com>"
        assert row.state in {ob.SENT, ob.UNKNOWN}
        assert row.state == ob.UNKNOWN or arrived[key] == 1
    unknown = sum(row.state == ob.UNKNOWN for row in rows)
    assert 0 <= unknown <= KILLS  # at most the one that each kill met
