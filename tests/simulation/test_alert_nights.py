"""Nights of alarms, failing ways, people and crashes: nothing is lost, nobody is flooded.

One seed drives everything, the moment of each crash included: before or after any transaction of
the outbox. A receiver looks at keys; an auditor in plain Python knows what must have been told.
"""

import importlib.util
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tidegate.watch.alarms import CAP, NOTE, PAUSE_SHOP, PAUSE_SKU
from tidegate.watch.alerts import shown
from tidegate.watch.alerts.planning import DIGEST_MS, LETTERS_MAX, WINDOW_MS

spec = importlib.util.spec_from_file_location(
    "alerts_house", Path(__file__).parents[1] / "rules" / "alerts_house.py"
)
assert spec is not None
assert spec.loader is not None
alerts_house = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alerts_house)

House = Any  # alerts_house.py has the class
LEVELS = (NOTE, CAP, CAP, PAUSE_SKU, PAUSE_SKU, PAUSE_SHOP)


class Crash(Exception):
    """The process died here."""


class Night:
    """One seed."""

    def __init__(self, folder: Path, seed: int, crash_share: float) -> None:
        self.chance, self.crash_share = random.Random(seed), crash_share
        self.house: House = alerts_house.AlertsHouse(folder)
        self.received: dict[str, tuple[str, str]] = {}  # by key: title and text
        self.raised: list[str] = []
        self.acknowledged_at: dict[int, int] = {}  # alert: messages written until then
        self.crashes = 0
        self.arm()

    def arm(self) -> None:
        """Have any transaction of the sender's end in a crash, before or after it is durable."""
        outbox, chance = self.house.alerting.outbox, self.chance
        changing = outbox.changing

        @contextmanager
        def dying() -> Iterator[Any]:
            when = chance.random()
            with changing() as connection:
                yield connection
                if when < self.crash_share:
                    raise Crash
            if when > 1.0 - self.crash_share:
                raise Crash

        outbox.changing = dying
        self.house.courier.fault = self.fault

    def fault(self, letter: Any) -> str:  # noqa: ANN401
        """Some letters arrive, some do not, some arrive and nobody hears that they did."""
        how = self.chance.random()
        if how < 0.3:
            return "no connection"
        assert self.received.setdefault(letter.key, (letter.title, letter.body)) == (
            letter.title, letter.body,
        )  # fmt: skip
        return "no answer in time" if how < 0.4 else ""

    def turn(self, seconds: float) -> None:
        """Time passes; whoever dies is started again."""
        try:
            self.house.after(seconds)
        except Crash:
            self.crashes += 1
            self.house.restart()
            self.arm()

    def live(self, turns: int) -> None:
        """A night."""
        chance, outbox = self.chance, alerts_house.Outbox(self.house.folder / "alerts.db")
        for _ in range(turns):
            for _ in range(chance.choice((0, 0, 0, 1, 1, 2, 30 if chance.random() < 0.1 else 0))):
                key = f"kind-{chance.randrange(40)}-{len(self.raised)}"
                self.raised.append(key)
                self.house.alarm(key, chance.choice(LEVELS), text=f"alarm {key}")
            if self.raised and chance.random() < 0.3:
                self.house.over(chance.choice(self.raised))
            if chance.random() < 0.2:
                self.house.clock.wall_ms += chance.randrange(-7_200_000, 7_200_000)
            self.turn(chance.choice((0.5, 5.0, 60.0, 400.0)))
            waiting = shown.unacknowledged_until(outbox, 1 << 40)
            if waiting and chance.random() < 0.2:
                taken = chance.choice(waiting)
                written = outbox.count("SELECT coalesce(max(id), 0) FROM letter")
                shown.acknowledge(outbox, [taken], "7f", "", 5)
                self.acknowledged_at[taken] = written
        outbox.close()

    def end(self) -> None:
        """Everything works again, long enough for the slowest to be tried."""
        self.crash_share = 0.0
        self.house.restart()
        for _ in range(60):
            self.house.clock.forward(61)
            for _ in range(3):  # written, carried, noted
                self.house.alerting.turn()
            for letter in self.house.courier.letters:
                self.received[letter.key] = (letter.title, letter.body)

    def audit(self) -> None:
        """Nothing lost, nothing told after its acknowledgement, never more than people read."""
        outbox = self.house.alerting.outbox
        assert outbox.count("SELECT count(*) FROM alert") == len(self.raised)
        assert (
            outbox.count("SELECT count(*) FROM message WHERE state = 'due' AND attempts = 0") == 0
        )
        told = dict(outbox.rows("SELECT key, state FROM message"))
        assert {key for key, state in told.items() if state == "sent"} <= set(self.received)
        untold = outbox.rows(
            "SELECT id FROM alert WHERE same_as = 0 AND acked_ms = 0 AND stale = 0 AND NOT EXISTS"
            " (SELECT 1 FROM covered JOIN message USING (letter) WHERE covered.alert = alert.id"
            " AND message.state = 'sent')"
        )
        assert untold == []
        for alert, written in self.acknowledged_at.items():
            after = outbox.count(
                "SELECT count(*) FROM covered JOIN letter ON letter.id = covered.letter"
                " WHERE covered.alert = ? AND letter.id > ? AND letter.kind <> 'resolved'",
                (alert, written),
            )
            assert after == 0, alert
        made = [at for (at,) in outbox.rows("SELECT made_ms FROM letter ORDER BY made_ms")]
        most = LETTERS_MAX + WINDOW_MS // DIGEST_MS * 2
        for place, at_ms in enumerate(made):
            assert len([other for other in made[place:] if other < at_ms + WINDOW_MS]) <= most


def lived(folder: Path, seed: int, crash_share: float = 0.02) -> Night:
    night = Night(folder, seed, crash_share)
    night.live(150)
    night.end()
    night.audit()
    return night


@pytest.mark.parametrize("seed", [1, 2])
def test_a_night_loses_nothing_and_floods_nobody(tmp_path: Path, seed: int) -> None:
    night = lived(tmp_path, seed)
    print(f"seed {seed}: {len(night.raised)} alarms, {night.crashes} crashes")
    assert night.crashes > 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3, 203))
def test_many_nights(tmp_path: Path, seed: int) -> None:
    lived(tmp_path, seed, 0.05)


def test_a_sender_that_forgets_what_it_promised_is_found_out(tmp_path: Path) -> None:
    """The canary: letters that are marked as sent before they are carried are lost in a crash."""
    night = Night(tmp_path, 1, 0.0)
    night.live(20)
    night.house.courier.fault = lambda _: "no connection"
    night.house.alarm("kind-99-x", PAUSE_SHOP)
    night.raised.append("kind-99-x")
    night.turn(1.0)
    outbox = alerts_house.Outbox(tmp_path / "alerts.db")
    with outbox.changing() as connection:
        connection.execute("UPDATE message SET state = 'sent' WHERE state = 'due'")
    outbox.close()
    night.end()
    with pytest.raises(AssertionError):
        night.audit()
