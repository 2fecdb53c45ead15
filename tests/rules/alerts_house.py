"""A shop whose alarms people are told of: real files, an injected clock, letters that are kept."""

from collections.abc import Callable
from pathlib import Path

from tidegate.people.filter import clean
from tidegate.watch.alarm_store import AlarmStore, close_alarms_of
from tidegate.watch.alarms import PAUSE_SKU, Alarm
from tidegate.watch.alerts.alerting import Alerting
from tidegate.watch.alerts.outbox import Outbox
from tidegate.watch.alerts.ports import Delivery, Letter, WatchAlarms
from tidegate.watch.alerts.recipients import write_recipients
from tidegate.watch.watch_file import WatchFile

__all__ = ["AlertsHouse", "Outbox"]

MINUTE_S = 60.0
TUESDAY_MS = 1_793_066_400_000  # 27 October 2026, 10:00 in Shanghai

TWO_LEVELS = """
language = "en"
acknowledge_within_min = 5
repeat_every_min = 30

[ways]
group = "json://127.0.0.1:1/group?:token=s3cret"
phone = "json://127.0.0.1:1/phone"
owner = "json://127.0.0.1:1/owner"

[recipients]
duty-a = ["group", "phone"]
duty-b = ["phone"]
boss = ["owner"]

[[level]]
rota = ["duty-a", "duty-b"]
since = 2026-10-26
turn_days = 7

[[level]]
tell = ["boss"]
"""


class SteppedClock:
    """A clock on the wall that can be wrong, and a monotonic one that cannot."""

    def __init__(self) -> None:
        self.wall_ms, self.passed_s = TUESDAY_MS, 0.0

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_s(self) -> float:
        return self.passed_s

    def forward(self, seconds: float) -> None:
        self.wall_ms += int(seconds * 1000)
        self.passed_s += seconds


class KeptLetters:
    """A courier whose letters arrive at once, or fail as it is told."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.fault: Callable[[Letter], str] = lambda _: ""
        self._done: list[Delivery] = []

    def takes(self, way: str) -> bool:
        return True

    def send(self, letter: Letter) -> None:
        fault = self.fault(letter)
        if not fault:
            self.letters.append(letter)
        self._done.append(Delivery(letter.message, not fault, fault))

    def done(self) -> list[Delivery]:
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        self._done = []


class AlertsHouse:
    """One shop."""

    def __init__(self, folder: Path, recipients: str | None = TWO_LEVELS) -> None:
        self.folder, self.secrets = folder, folder / "secrets"
        self.secrets.mkdir(mode=0o700, exist_ok=True)
        if recipients is not None:
            write_recipients(self.secrets, recipients)
        self.clock, self.courier = SteppedClock(), KeptLetters()
        self.file = WatchFile(folder / "watch.db")
        self.alarms = AlarmStore(folder / "watch.db", self.file)
        self.alerting = self.opened()

    def opened(self) -> Alerting:
        """A sender, as a new process would open it."""
        store = AlarmStore(self.folder / "watch.db")
        return Alerting(
            "own", self.folder / "alerts.db", self.secrets, (WatchAlarms(store),), self.courier,
            self.clock, clean,
        )  # fmt: skip

    def restart(self) -> None:
        """The process died without a word; another one begins."""
        self.courier = KeptLetters()
        self.alerting = self.opened()

    def alarm(self, key: str, level: int = PAUSE_SKU, fen: int = 250_000, text: str = "") -> None:
        """The watch raises an alarm."""
        english = text or f"SKU A: cheap ({key})"
        self.alarms.record(
            Alarm(
                key, self.clock.now_ms(), level, 0, 7, "A", 1, 1, "ab" * 16, 4, 2, 3, fen, 15.0,
                14.0, english, f"商品 A：低价（{key}）",
            ),
            key,
        )  # fmt: skip

    def over(self, key: str) -> None:
        """An alarm is over."""
        with self.file.changing() as connection:
            connection.execute("UPDATE alarm SET switch = ? WHERE key = ?", (key, key))
            close_alarms_of(connection, key, self.clock.now_ms())

    def after(self, seconds: float) -> list[tuple[str, str]]:
        """Time passes, the sender takes turns; (way, title without the shop) of what arrived."""
        self.clock.forward(seconds)
        before = len(self.courier.letters)
        for _ in range(3):
            self.alerting.turn()
        return [
            (letter.way, letter.title.removeprefix("[own] "))
            for letter in self.courier.letters[before:]
        ]
