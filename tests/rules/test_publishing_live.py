"""Nothing new goes live while nobody watches; what ran before goes on.

Always the real desk and guard, at moments that the test sets.
"""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tidegate.publishing.live import NotWatched

spec = importlib.util.spec_from_file_location(
    "publishing_house", Path(__file__).with_name("publishing_house.py")
)
assert spec is not None
assert spec.loader is not None
house = importlib.util.module_from_spec(spec)
spec.loader.exec_module(house)
HOUR_MS = 3_600_000
DEAD = "the watch has said nothing for 12 s: see `tidegate status`"


def scene(folder: Path, play: Any) -> None:  # noqa: ANN401
    async def played() -> None:
        shop = house.House(folder)
        await shop.desks.open()
        await play(shop, shop.prices.live)
        await shop.close()

    house.run(played())


def test_publishing_asks_whether_somebody_watches(tmp_path: Path) -> None:
    async def play(shop: Any, live: Any) -> None:  # noqa: ANN401
        await live.require()
        live.why_unwatched = lambda: DEAD
        with pytest.raises(NotWatched, match="no new promotion goes live") as refused:
            await live.require(patience_s=0.2)
        assert DEAD in str(refused.value)
        said = iter([DEAD, DEAD, ""])
        live.why_unwatched = lambda: next(said)
        await live.require(patience_s=1.0)  # the watch of a server that has just started
        assert list(said) == []

    scene(tmp_path, play)


@pytest.mark.parametrize("watched", [True, False])
def test_what_begins_while_nobody_watches_is_paused(tmp_path: Path, watched: bool) -> None:
    async def play(shop: Any, live: Any) -> None:  # noqa: ANN401
        later = house.promotion("LATER", start_ms=house.NOW_MS + HOUR_MS)
        assert await shop.publish(house.promotion("NOW")) == 0
        assert await shop.publish(later) == 0
        assert await live.look() == []
        live.why_unwatched = lambda: "" if watched else DEAD
        shop.clock.pass_s(1_800)
        assert await live.look() == []
        shop.clock.pass_s(1_801)
        assert await live.look() == ([] if watched else ["LATER"])
        assert (shop.paused("LATER"), shop.paused("NOW")) == (not watched, False)
        live.why_unwatched = lambda: ""
        assert await live.look() == []
        assert shop.paused("LATER") is not watched  # a person resumes it

    scene(tmp_path, play)
