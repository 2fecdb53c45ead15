"""Alerts of one shop: a turn takes in alarms, writes letters that are due, has them carried.

Always in that order, and each step durable before the next; a turn is short, carrying goes on
beside it. Never: a source that fails keeps another's alarms, or letters on their way, waiting.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import structlog

from tidegate.watch.alerts.carrying import carry
from tidegate.watch.alerts.outbox import Outbox
from tidegate.watch.alerts.planning import Moment, plan_letters
from tidegate.watch.alerts.ports import AlarmSource, Courier
from tidegate.watch.alerts.recipients import (
    Recipients,
    RecipientsUnusable,
    changed,
    read_recipients,
)
from tidegate.watch.alerts.steady import Steady
from tidegate.watch.alerts.vigil import Vigil, WhyUnwatched
from tidegate.watch.alerts.wording import CHINESE, ENGLISH, Clean, Shop

TAKE_MAX = 500  # alarms of a source in one turn
LOOKED_AT_MAX = 200  # open alerts whose end is looked for in one turn
BEAT_MS = 5_000
FORGET_MS = 600_000
NOBODY = "nobody is told: secrets/alerts.toml names no recipients (`tidegate watch recipients`)"

log = structlog.get_logger("tidegate.watch.alerts")


class Clock(Protocol):
    """Time as it is injected."""

    def now_ms(self) -> int:
        """UTC milliseconds."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        ...


class Alerting:
    """See the module. Called from one thread; files of its own, so that others may look."""

    def __init__(
        self, shop: str, outbox: Path, secrets: Path, sources: Sequence[AlarmSource],
        courier: Courier, clock: Clock, clean: Clean, why_unwatched: WhyUnwatched = lambda: "",
    ) -> None:  # fmt: skip
        """`secrets`: the folder of alerts.toml; `clean` takes personal data out of a text."""
        self._shop, self._secrets, self._clean = shop, secrets, clean
        self._sources, self._courier, self._clock = tuple(sources), courier, clock
        self.outbox = Outbox(outbox)
        self._steady = Steady(self.outbox.steady_ms(), clock.now_ms(), clock.monotonic_s)
        self._vigil = Vigil(self.outbox, why_unwatched)
        self._known: Recipients | None = None
        self._changed = (-1, -1)
        self._config_fault = ""
        self._source_faults: dict[str, str] = {}
        self._going: set[int] = set()
        self._looked: int = 0
        self._beat_ms = -BEAT_MS
        self._forgot_ms = 0
        self._told_fault = ""

    def turn(self) -> int:
        """One turn; how many alarms were taken in, 0 when there was nothing new."""
        now = self.moment()
        taken = self._take(now) + self._vigil.turn(now)
        self._end()
        known = self.recipients()
        if known is not None:
            language = CHINESE if known.language == "zh" else ENGLISH
            plan_letters(self.outbox, Shop(self._shop, language, self._clean), known, now)
        addresses = known.ways if known is not None else {}
        carry(self.outbox, self._courier, addresses, self._going, now)
        self._beat(now)
        if now.steady_ms - self._forgot_ms >= FORGET_MS:
            self.outbox.forget()
            self._forgot_ms = now.steady_ms
        return taken

    def moment(self) -> Moment:
        """Now."""
        return Moment(self._steady.now_ms(), self._clock.now_ms())

    def recipients(self) -> Recipients | None:
        """Whoever is to be told, read again when the file has changed."""
        found = changed(self._secrets)
        if found != self._changed:
            try:
                self._known, self._config_fault = read_recipients(self._secrets), ""
            except RecipientsUnusable as error:
                # Whoever was told before goes on being told: a slip of the pen silences nobody.
                self._config_fault = str(error)
            self._changed = found
        return self._known

    def close(self) -> None:
        """Let go of everything; letters on their way are sent again under their keys."""
        self._courier.close()
        for source in self._sources:
            source.close()
        self.outbox.close()

    def _take(self, now: Moment) -> int:
        """New alarms of every source."""
        taken = 0
        for source in self._sources:
            cursor = self.outbox.cursor(source.name)
            try:
                found = source.after(cursor, TAKE_MAX)
                if not found and source.newest() < cursor:  # restored from an older backup
                    self.outbox.read_again(source.name)
            except Exception as error:  # noqa: BLE001 -- shown; the others' alarms go on
                self._source_faults[source.name] = f"{type(error).__name__}: {error}"
                continue
            self._source_faults.pop(source.name, None)
            if found:
                taken += self.outbox.take(source.name, found, now.wall_ms, now.steady_ms)
        return taken

    def _end(self) -> None:
        """Look which open alerts are over by now, some at a time."""
        by_name = {source.name: source for source in self._sources}
        rows = self.outbox.rows(
            "SELECT id, source, alarm FROM alert WHERE state = 'open' AND id > ? ORDER BY id"
            " LIMIT ?",
            (self._looked, LOOKED_AT_MAX),
        )
        self._looked = int(rows[-1][0]) if len(rows) == LOOKED_AT_MAX else 0
        over = []
        for alert, name, alarm in rows:
            if name not in by_name or name in self._source_faults:
                continue
            try:
                closed_ms = by_name[name].closed_ms(alarm)
            except Exception as error:  # noqa: BLE001 -- as above; it is looked for again
                self._source_faults[name] = f"{type(error).__name__}: {error}"
                continue
            if closed_ms:
                over.append((int(alert), closed_ms))
        if over:
            self.outbox.close_alarms(over)

    def _beat(self, now: Moment) -> None:
        fault = self._fault()
        if now.steady_ms - self._beat_ms < BEAT_MS and fault == self._told_fault:
            return
        if fault and fault != self._told_fault:
            log.warning("alerts_at_fault", shop=self._shop, fault=fault)
        levels = len(self._known.level) if self._known is not None else 0
        self.outbox.beat(now.wall_ms, now.steady_ms, fault, levels)
        self._beat_ms, self._told_fault = now.steady_ms, fault

    def _fault(self) -> str:
        faults = [f"{name}: {told}" for name, told in sorted(self._source_faults.items())]
        if self._config_fault:
            faults.insert(0, self._config_fault)
        elif self._known is None:
            faults.insert(0, NOBODY)
        return "; ".join(faults)
