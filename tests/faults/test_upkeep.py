"""What a served shop has done beside its orders: on a real shop, chore by chore, at a held clock.

Always the upkeep that `serve` starts; take one of its chores away and a test here fails.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tidegate import bootstrap
from tidegate.access.roles import Role
from tidegate.bootstrap.upkeep import Stopped, Upkeep
from tidegate.bootstrap.upkeep_status import read_upkeep
from tidegate.engine.layout import Capacity
from tidegate.engine.snapshot import write_snapshot
from tidegate.followers.status import FollowerStatus, Status, write_status
from tidegate.journal.archive import ArchivePolicy
from tidegate.people.identity import IdentityUnavailable
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.store_paths import StorePaths

POLICY = ArchivePolicy(keep_entries=4, segment_bytes=1, snapshot_margin_entries=1)
NOON_MS = 1_793_073_600_000  # 2026-10-27 12:00 in Shanghai
DAY = NOON_MS // 86_400_000


class HeldClock:
    """A clock that stands still until it is moved, both its hands together."""

    def __init__(self) -> None:
        self.at_ms = NOON_MS
        self.jump_ms = 0  # of the wall clock alone

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return self.at_ms + self.jump_ms

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        return self.at_ms / 1000


NOT_BY_ITSELF_S = 3_600.0  # the chores are done when the test says so


class Served:
    """A store with one shop, as the desk's process has it."""

    def __init__(self, root: Path) -> None:
        self.clock = HeldClock()
        self.root = root
        paths = StorePaths(root)
        self.access = bootstrap.open_access(paths, self.clock)
        bootstrap.create_shop(paths.shop("tea"), "tea", "Asia/Shanghai")
        self.shop = bootstrap.open_shop(paths, "tea", self.clock, Capacity.small())
        self.upkeep = Upkeep(
            root, [self.shop], self.access.authenticator, self.clock, POLICY, NOT_BY_ITSELF_S
        )

    def play(self, night: Callable[[], Awaitable[None]]) -> None:
        """Run something on a loop of the desk's own, and stop gracefully."""

        async def run() -> None:
            self.shop.desk.start()
            self.upkeep.start()
            try:
                await night()
            finally:
                await self.upkeep.stop()
                await self.shop.desk.stop()

        asyncio.run(run())

    async def command(self, command: f.Command, command_id: str) -> None:
        """Give a command."""
        answer = await self.shop.desk.command(command, command_id, 7)
        assert answer.reason == 0

    def tell(self, age_ms: int = 0, **seqs: int) -> None:
        """Followers at these entries."""
        named = {name: FollowerStatus(seq, 0, 0) for name, seq in seqs.items()}
        write_status(self.root, Status(self.clock.at_ms - age_ms, 1, {"tea": named}))

    async def later(self, seconds: float) -> None:
        """Time passes, and every chore that is due is done, as its thread would."""
        self.clock.at_ms += int(seconds * 1000)
        self.shop.desk._look_around()  # its tick
        await asyncio.to_thread(self.upkeep.look)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    found = Served(tmp_path)
    yield found
    found.shop.identity.close()
    found.access.store.close()


def test_rules_and_zone_reach_the_identity_table(served: Served) -> None:
    identity = served.shop.identity

    async def night() -> None:
        assert identity._period_end_day == DAY + 1  # no rule counts anybody
        await served.command(f.PutRule("weekly", "shop", window="week", limits={"account": 5}), "a")
        served.upkeep.glance()
        assert identity._period_end_day == DAY + 5  # Sunday
        await served.command(f.PutRule("ever", "shop", window="total", limits={"account": 9}), "b")
        served.upkeep.glance()
        assert identity._period_end_day == DAY + 401
        await served.command(f.DropRule("ever"), "c")
        served.upkeep.glance()
        assert identity._period_end_day == DAY + 5
        assert served.shop.days() == DAY
        await served.command(f.SetPolicy(zone="Pacific/Kiritimati"), "d")
        await served.later(7 * 3_600)  # 19:00 in Shanghai, next day on the island
        served.upkeep.glance()
        assert served.shop.days() == DAY + 1

    served.play(night)


def test_identities_are_swept_once_a_day_and_right_after_a_gap(served: Served) -> None:
    swept: list[int] = []
    real = served.shop.identity.sweep

    def sweep(between: Callable[[], None]) -> object:
        swept.append(served.shop.days())
        return real(between)

    served.shop.identity.sweep = sweep  # type: ignore[method-assign, assignment]

    async def night() -> None:
        await served.later(1)  # nobody knows when it was done last
        await served.later(12 * 3_600 + 100)  # 00:01 of the next day: not yet
        assert swept == [DAY]
        await served.later(4 * 3_600)
        await served.later(3_600)
        assert swept == [DAY, DAY + 1]
        await served.later(70)

    served.play(night)
    assert swept == [DAY, DAY + 1]
    again = Upkeep(served.root, [served.shop], served.access.authenticator, served.clock, POLICY)
    assert again.shops[0].retention.state.day == DAY + 1  # known over a restart
    again.shops[0].close()


def test_a_clock_that_jumped_ends_nobodys_life_until_a_person_confirms_it(served: Served) -> None:
    identity = served.shop.identity
    keys = [(0, identity.keyed_hash(0, f"u{n}")) for n in range(5)]
    first = identity.tokens(keys)

    async def night() -> None:
        await served.later(1)
        served.clock.jump_ms = 401 * 86_400_000
        await served.later(86_400)
        assert served.shop.desk.status().why.startswith("the clock moved +34646400 s")
        assert identity.tokens(keys) == first
        assert served.shop.days() == DAY + 1
        assert served.upkeep.shops[0].retention.state.day == DAY + 1
        await served.command(f.ConfirmClock(), "sure")
        await served.later(61)
        assert served.shop.days() == DAY + 402
        assert served.upkeep.shops[0].retention.state.day == DAY + 402

    served.play(night)


def test_which_keys_were_used_is_written_down_now_and_then_and_at_a_stop(served: Served) -> None:
    boss = served.access.operators.create_first_administrator("boss").token
    person = served.access.operators.create_operator("clerk", Role.VIEWER, boss).token
    first, second = (served.access.keyring.issue(person, boss) for _ in range(2))

    def used_days() -> list[int | None]:
        keys = {key.key_id: key.last_used_day for key in served.access.keyring.working_keys()}
        return [keys[first.key_id], keys[second.key_id]]

    async def night() -> None:
        await served.later(1)
        assert served.access.authenticator.authenticate(first.key) is not None
        await served.later(31)
        assert used_days() == [DAY, None]
        assert served.access.authenticator.authenticate(second.key) is not None

    served.play(night)
    assert used_days() == [DAY, DAY]


def test_a_snapshot_is_noted_then_the_journal_before_it_goes_and_status_says_so(
    served: Served,
) -> None:
    async def night() -> None:
        desk = served.shop.desk
        for number in range(12):
            await served.command(f.PutSku(f"SKU{number}", 1_000), f"sku{number}")
        head = served.shop.journal.head()
        write_snapshot(desk.machine, served.shop.paths.snapshots, head.seq, head.hash)
        served.tell(views=head.seq, snapshots=head.seq, trees=head.seq - 5)
        await served.later(10)  # the note is asked for
        deadline_s = asyncio.get_running_loop().time() + 30
        while served.shop.journal.head().seq == head.seq:
            assert asyncio.get_running_loop().time() < deadline_s
            await asyncio.sleep(0)
        served.tell(views=head.seq + 1, snapshots=head.seq + 1, trees=head.seq - 5)
        await served.later(1.5)  # it is read back
        served.tell(views=head.seq + 1, snapshots=head.seq + 1, trees=head.seq - 5)
        await served.later(5)
        assert served.shop.journal.base().seq == head.seq - 5
        await served.later(2)
        told = read_upkeep(served.root).shops["tea"]
        assert told.snapshot_seq == head.seq
        assert (told.archived.journal_first_seq, told.archived.archived_seq) == (
            head.seq - 4,
            head.seq - 5,
        )

    served.play(night)


def test_a_night_without_a_pause_does_not_keep_notes_back(served: Served) -> None:
    async def night() -> None:
        desk = served.shop.desk
        desk.note(f.Note("snapshot", 1, "digest"))
        await served.command(f.PutSku("TEA", 1_000), "a")  # long before the next tick
        frames = [
            frame.kind
            for entry in served.shop.journal.read(4)  # behind two claims and the opening
            for frame in en.read_frames(en.aligned(entry.payload))
        ]
        assert frames == [en.COMMAND, en.NOTE]

    served.play(night)


def test_readiness_says_that_followers_are_silent_while_orders_go_on(served: Served) -> None:
    async def night() -> None:
        served.clock.at_ms += 15_000
        served.upkeep.glance()
        assert served.shop.desk.status()[:2] == (True, "")
        served.clock.at_ms += 1_000
        served.upkeep.glance()
        status = served.shop.desk.status()
        assert status.ready
        assert status.why == (
            "orders go on; the followers' process has said nothing for 16 s"
            " (it is started again by itself; see the log): views, trees and snapshots wait"
        )
        failing = {"trees": FollowerStatus(3, 4, 5, 2, "OSError: no such disk")}
        write_status(served.root, Status(served.clock.at_ms, 1, {"tea": failing}))
        served.upkeep.glance()
        assert served.shop.desk.status()[:2] == (
            True,
            "orders go on; tea: trees failed 2 times in a row: OSError: no such disk",
        )
        served.tell(trees=3)
        served.upkeep.glance()
        assert served.shop.desk.status()[:2] == (True, "")

    served.play(night)


def test_readiness_says_early_that_the_disk_fills_up(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def night() -> None:
        served.tell()
        for free_mib, said in ((2_048, ""), (2_047, "2047 MiB of disk are free")):
            free = free_mib << 20
            monkeypatch.setattr(served.shop.journal, "free_bytes", lambda free=free: free)
            await served.later(6)
            served.tell()
            served.upkeep.glance()
            status = served.shop.desk.status()
            assert (status.ready, said in status.why) == (True, True)
        assert status.why == (
            "orders go on; 2047 MiB of disk are free: make room, below 512 no new orders are taken"
        )

    served.play(night)


def test_a_chore_that_fails_is_told_and_tried_again_and_holds_no_other(served: Served) -> None:
    def fail(_: object) -> None:
        raise IdentityUnavailable("identity.db: disk I/O error")

    real, served.upkeep.shops[0].retention.step = served.upkeep.shops[0].retention.step, fail  # type: ignore[method-assign, assignment]

    async def night() -> None:
        served.tell()
        await served.later(1)
        served.upkeep.glance()
        fault = "tea: sweep: IdentityUnavailable: identity.db: disk I/O error"
        assert served.shop.desk.status()[:2] == (True, f"orders go on; {fault}")
        assert read_upkeep(served.root).faults == {
            "tea: sweep": "IdentityUnavailable: identity.db: disk I/O error"
        }
        served.upkeep.shops[0].retention.step = real  # type: ignore[method-assign]
        served.tell()
        await served.later(61)
        served.tell()
        served.upkeep.glance()
        assert served.shop.desk.status()[:2] == (True, "")

    served.play(night)


def test_a_stop_ends_the_chores_between_two_pieces(served: Served) -> None:
    async def night() -> None:
        served.upkeep._stopping.set()
        with pytest.raises(Stopped):
            served.upkeep.look()
        with pytest.raises(Stopped):
            served.upkeep._breathe()

    served.play(night)
