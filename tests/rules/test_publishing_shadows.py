"""Shadowed promotions: all or none, each platform by itself, told as prices to expect; zones."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.pricing.effects import AmountOff
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import Scope
from tidegate.publishing import store
from tidegate.publishing.publication import NotPublishable
from tidegate.publishing.store import TooManyDrafts
from tidegate.publishing.zones import zone_of
from tidegate.record import facts as f


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


house = beside("publishing_house")
House, promotion, run = house.House, house.promotion, house.run
NOW_MS, DAY_MS, HOUR_MS = house.NOW_MS, house.DAY_MS, house.HOUR_MS
NIGHT_MS = 1_792_944_000_000  # 2026-10-26T00:00:00+08:00


def test_what_one_platform_was_told_says_nothing_of_another_or_of_the_shop(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        await there.say(f.PutSku("B", 2_000, 900))
        await there.publish(promotion("OWN", 9_000))
        await there.service.shadow("tmall", [promotion("T", 8_000)], 1)
        _, done = await there.service.shadow("jd", [promotion("J", 7_000)], 1)
        assert done.checked.lowest == {"A": 700}  # not 7 折 of 8 折, nor of 9 折
        shadows = there.prices.shadows
        assert await shadows.channels() == ("jd", "tmall")
        found = {
            channel: [(row.sku, row.price_fen, row.promotions)
                      for row in await shadows.expected(channel, NOW_MS)]
            for channel in ("jd", "tmall", "web")
        }  # fmt: skip
        assert found == {
            "jd": [("A", 700, ("J",))], "tmall": [("A", 800, ("T",))], "web": [],
        }  # fmt: skip
        book = await shadows.book("tmall", NOW_MS)
        assert (book.codes, len(book.skus)) == (["T"], 2)
        assert there.prices.books.present().book.codes == ["OWN"]
        await there.close()

    run(scene())


def test_prices_to_expect_are_stretches_and_neighbours_of_one_price_are_one(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        told = [
            promotion("T1", 9_000, start_ms=NOW_MS + HOUR_MS, end_ms=NOW_MS + 4 * HOUR_MS),
            promotion("T2", effect=AmountOff(off_fen=100), start_ms=NOW_MS + 2 * HOUR_MS,
                      end_ms=NOW_MS + 3 * HOUR_MS),
            promotion("T3", 5_000, start_ms=NOW_MS + 2 * HOUR_MS, end_ms=NOW_MS + 3 * HOUR_MS,
                      opt_in=True),
        ]  # fmt: skip
        await there.service.shadow("tmall", told, 1)
        rows = await there.prices.shadows.expected("tmall", NOW_MS)
        assert [((row.start_ms - NOW_MS) // HOUR_MS, (row.end_ms - NOW_MS) // HOUR_MS,
                 row.price_fen, row.receivable_fen, row.floor_fen) for row in rows] == [
            (0, 1, 1_000, 1_000, 500),
            (1, 2, 900, 900, 500),
            (2, 3, 800, 800, 500),
            (3, 4, 900, 900, 500),
        ]  # fmt: skip
        later = await there.prices.shadows.expected("tmall", NOW_MS + 3 * HOUR_MS)
        assert [(row.start_ms, row.price_fen) for row in later] == [(NOW_MS + 3 * HOUR_MS, 900)]
        assert await there.prices.shadows.expected("tmall", NOW_MS + 4 * HOUR_MS) == ()
        await there.close()

    run(scene())


def test_of_several_all_are_kept_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        good, unknown = promotion("T1"), promotion("T2", scope=Scope(skus=("no-such",)))
        with pytest.raises(PromotionsRefused, match="unknown SKU no-such"):
            await there.service.shadow("tmall", [good, unknown], 1)
        await there.service.put(promotion("T2"), "", 1)
        with pytest.raises(NotPublishable, match="T2 is a draft of another kind"):
            await there.service.shadow("tmall", [good, promotion("T2")], 1)
        monkeypatch.setattr(store, "DRAFTS_MAX", 2)
        with pytest.raises(TooManyDrafts):
            await there.service.shadow("tmall", [good, promotion("T3")], 1)
        assert [one.code for one in await there.service.all()] == ["T2"]
        await there.service.shadow("tmall", [good], 1)
        assert [one.code for one in await there.service.all()] == ["T1", "T2"]
        await there.close()

    run(scene())


@pytest.mark.parametrize("own", [True, False])
def test_a_cost_that_rises_is_told_of_what_a_platform_was_told(
    tmp_path: Path, *, own: bool
) -> None:
    """Also where the shop itself publishes nothing, as one that sells at platforms alone."""

    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        if own:
            await there.publish(promotion("OWN", 9_900))
        await there.service.shadow("tmall", [promotion("T", 8_000)], 1)
        await there.watching.look()
        assert there.watching.remark() == ""
        await there.say(f.PutSku("A", 1_000, 850))
        await there.watching.look()
        assert there.watching.remark() == (
            "promotions at tmall: below_floor: 1 × A leaves 800 fen for A, its floor is 850"
        )
        assert not await there.watching.look()
        await there.service.drop("T")  # what is gone is told no more
        await there.watching.look()
        assert there.watching.remark() == ""
        await there.service.shadow(
            "tmall", [promotion("T", 500)], 1
        )  # what was wrong from the start
        assert await there.watching.look()
        assert there.watching.remark().startswith(
            "promotions at tmall: below_floor: 1 × A leaves 50"
        )
        await there.close()

    run(scene())


@pytest.mark.parametrize(("zone", "wall", "utc"), [
    ("Asia/Shanghai", NIGHT_MS + 8 * HOUR_MS, NIGHT_MS),  # as if the wall clock were UTC
    ("UTC", NIGHT_MS, NIGHT_MS),
    ("America/New_York", NIGHT_MS, NIGHT_MS + 4 * HOUR_MS),
])  # fmt: skip
def test_a_wall_clock_is_one_moment(zone: str, wall: int, utc: int) -> None:
    assert zone_of(zone)(wall) == utc


@pytest.mark.parametrize("wall_ms", [
    1_793_496_600_000,  # 2026-11-01 01:30: twice
    1_772_937_000_000,  # 2026-03-08 02:30: never
    10**17,
])  # fmt: skip
def test_an_hour_that_is_there_twice_or_never_is_refused(wall_ms: int) -> None:
    with pytest.raises(ValueError, match=r"clocks are changed|beyond every calendar"):
        zone_of("America/New_York")(wall_ms)
