"""Any order of exchanging, forgetting, sweeping and reopening, by two processes on one file,
against a dictionary.

The dictionary says who has which token and until when. Every answer of the table must be its
answer, every new token one that was never seen, and the file must hold nobody who is gone.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tidegate.people.identity import RETENTION_DAYS, IdentityTable

KEY = bytes(range(32))
PEOPLE = [f"buyer-{n}" for n in range(5)]
people = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=6)
process = st.sampled_from((0, 1))


@dataclass
class Life:
    """One row of the dictionary."""

    token: int
    last_used_day: int
    keep_until_day: int
    forgotten: bool = False

    @property
    def dies_after_day(self) -> int:
        """The last day on which this token is the person's."""
        if self.forgotten:
            return self.keep_until_day
        return max(self.keep_until_day, self.last_used_day + RETENTION_DAYS)


class Lives(RuleBasedStateMachine):
    """Two tables on one file, and the dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "identity.db"
        self.day = 20_750
        self.period_end_day = self.day + 10
        self.lives: dict[str, Life] = {}
        self.seen: set[int] = set()
        self.tables: list[IdentityTable] = []

    @initialize()
    def open_both(self) -> None:
        self.tables = [self.open(), self.open()]

    def open(self) -> IdentityTable:
        table = IdentityTable.open(
            self.path, KEY, lambda: self.day, cache_entries_max=8, unsettled_max=5
        )
        table.set_period_end(self.period_end_day)
        return table

    @rule(process=process, names=people)
    def exchange(self, process: int, names: list[str]) -> None:
        table = self.tables[process]
        tokens = table.tokens([(0, table.keyed_hash(0, name)) for name in names])
        keep = max(self.day, min(self.period_end_day, self.day + RETENTION_DAYS))
        for name, token in zip(names, tokens, strict=True):
            life = self.lives.get(name)
            if life is not None and life.dies_after_day >= self.day:
                assert token == life.token
                life.last_used_day = self.day
                life.keep_until_day = max(life.keep_until_day, keep)
            else:
                assert token not in self.seen
                self.seen.add(token)
                self.lives[name] = Life(token, self.day, keep)

    @rule(process=process, name=st.sampled_from(PEOPLE))
    def ask_the_memory(self, process: int, name: str) -> None:
        self.tables[process].tick()
        token = self.tables[process].token_or_zero(0, name)
        if token:
            assert token == self.lives[name].token
            assert not self.lives[name].forgotten
            assert self.lives[name].dies_after_day >= self.day
            self.exchange(process, [name])  # whoever is found in memory is noted as here

    @rule(process=process, names=people, days=st.integers(-1, 20), by_token=st.booleans())
    def forget(self, process: int, names: list[str], days: int, by_token: bool) -> None:
        table = self.tables[process]
        keep = self.day + days
        alive = {
            name
            for name in names
            if name in self.lives and self.lives[name].dies_after_day >= self.day
        }
        if by_token:
            tokens = [self.lives[name].token for name in names if name in self.lives]
            found = table.forget(tokens, keep)
        else:
            found = table.forget_hashes([table.keyed_hash(0, name) for name in names], keep)
        assert found == len(alive)
        for name in alive:
            life = self.lives[name]
            life.forgotten = True
            life.keep_until_day = max(life.keep_until_day, keep, self.day + 1)
        self.tables[1 - process].tick()

    @rule(process=process)
    def sweep(self, process: int) -> None:
        self.write_down()
        due = [name for name, life in self.lives.items() if life.dies_after_day < self.day]
        swept = self.tables[process].sweep()
        assert swept.deleted == len(due)
        for name in due:
            del self.lives[name]

    @rule(process=process)
    def keep_up(self, process: int) -> None:
        while self.tables[process].upkeep():
            pass

    @rule(process=process)
    def reopen(self, process: int) -> None:
        self.tables[process].close()
        self.tables[process] = self.open()

    @rule(
        days=st.sampled_from((1, 1, 2, 15, RETENTION_DAYS, RETENTION_DAYS + 1)), more=st.booleans()
    )
    @precondition(lambda self: self.day < 40_000)
    def wait(self, days: int, more: bool) -> None:
        self.write_down()
        self.day += days
        self.period_end_day = self.day + (30 if more else -1)
        for table in self.tables:
            table.set_period_end(self.period_end_day)
            table.tick()

    def write_down(self) -> None:
        """Both processes note who was here; a real one does so every now and then."""
        for table in self.tables:
            table._settle_touched()

    def teardown(self) -> None:
        if self.tables:
            self.write_down()
            for table in self.tables:
                table.sweep()
            assert self.tables[0].sweep().wal_truncated
            gone = [
                self.tables[0].keyed_hash(0, name)
                for name in PEOPLE
                if name not in self.lives or self.lives[name].dies_after_day < self.day
            ]
            raw = b"".join(file.read_bytes() for file in self.path.parent.glob("identity.db*"))
            assert [hashed for hashed in gone if hashed in raw] == []
            for table in self.tables:
                table.close()
        self.folder.cleanup()


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
