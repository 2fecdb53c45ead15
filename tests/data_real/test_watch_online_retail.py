"""The watch over eight months of a real shop: quiet when it is, quick when something is put in.

Every incident at one moment of it in an ordinary run, at twenty with --long.

The file is described in test_online_retail.py and docs/operations/real-data.md.
"""

import os
from pathlib import Path

import pytest

from tidegate.cli._order_stream import read_stream
from tidegate.watch.alarms import CAP
from tidegate.watch.evaluate.figures import delay_figures, quiet_figures
from tidegate.watch.evaluate.incidents import INCIDENTS, OPPOSITES
from tidegate.watch.evaluate.plot import page
from tidegate.watch.evaluate.replay import Outcome, run_quiet, run_scenes
from tidegate.watch.evaluate.report import Options, as_document, as_lines, evaluate, first_id
from tidegate.watch.evaluate.stream import Stream
from tidegate.watch.settings import Settings

NAME = "online_retail_2010-12_2011-07.csv.gz"
FOLDER = Path(
    os.environ.get("TIDEGATE_REAL_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
)

pytestmark = pytest.mark.skipif(
    not (FOLDER / NAME).exists(),
    reason=f"{NAME} is not in {FOLDER.name}/: see docs/operations/real-data.md",
)


@pytest.fixture(scope="module")
def stream() -> Stream:
    return read_stream(FOLDER / NAME, "Europe/London", None, seed=1)


@pytest.fixture(scope="module")
def seeds(pytestconfig: pytest.Config) -> tuple[int, ...]:
    return tuple(range(1, 21)) if pytestconfig.getoption("--long") else (1,)


@pytest.fixture(scope="module")
def outcomes(stream: Stream, seeds: tuple[int, ...]) -> list[Outcome]:
    return run_scenes(stream, Settings(), seeds, (*INCIDENTS, *OPPOSITES))[0.0]


def test_at_most_two_wrong_pauses_a_shop_year_and_the_large_order_is_caught(
    stream: Stream,
) -> None:
    alarms = run_quiet(stream, Settings())
    quiet = quiet_figures(alarms, stream)
    for alarm in alarms:
        print(alarm.level, alarm.english)
    assert quiet.pauses.a_year <= 2.0
    (right,) = quiet.right
    assert (right.units, right.level, right.code) == (74_215, CAP, "23166")
    assert first_id(right, stream.order_ids) == "541431"


@pytest.mark.parametrize(
    ("name", "orders"),
    [
        ("price_10", 3),
        ("price_26_shop", 3),
        ("coupon_leak", 15),
        ("reseller", 10),
        ("bot_burst", 60),
        ("crowd_doubling", 30),
    ],
)
def test_an_incident_is_caught_at_every_moment(
    outcomes: list[Outcome], seeds: tuple[int, ...], name: str, orders: int
) -> None:
    delay = delay_figures(outcomes, name)
    print(delay)
    assert (delay.caught, delay.runs) == (len(seeds), len(seeds))
    assert delay.orders[1] <= orders


def test_a_slow_leak_is_noted_within_two_weeks(
    outcomes: list[Outcome], seeds: tuple[int, ...]
) -> None:
    delay = delay_figures(outcomes, "slow_leak")
    assert (delay.caught, delay.runs) == (len(seeds), len(seeds))
    assert delay.seconds[1] <= 14 * 86_400


def test_the_night_is_stopped_within_a_second(outcomes: list[Outcome]) -> None:
    night = [outcome for outcome in outcomes if outcome.name == "price_26_shop"]
    assert max(outcome.delay_s for outcome in night) < 1.0
    assert max(outcome.delay_orders for outcome in night) <= 5


@pytest.mark.parametrize("name", sorted(OPPOSITES))
def test_what_was_planned_or_is_harmless_is_hardly_ever_paused(
    outcomes: list[Outcome], seeds: tuple[int, ...], name: str
) -> None:
    mine = [outcome for outcome in outcomes if outcome.name == name]
    paused = [one for one in mine if any(alarm.level > CAP for alarm in one.wrong)]
    assert len(mine) == len(seeds)
    assert len(paused) <= 1
    stopped = [one for one in mine if one.wrong]
    # Of twenty moments; what is announced, late or only a wrong clock stops nothing at any.
    assert len(stopped) <= {"payday": 1, "new_sku": 2, "clearance": 3}.get(name, 0)


def test_the_report_has_everything(stream: Stream) -> None:
    options = Options(Settings(), 2, ("price_10", "flash_sale"), curve=True)
    made = evaluate(stream, options)
    document, text = as_document(made), "\n".join(as_lines(made))
    assert [delay["name"] for delay in document["incidents"]] == ["price_10"]
    assert document["quiet"]["right"][0]["first_order"] == "541431"
    assert "(order 541431)" in text
    drawn = page(made)
    assert drawn.count("<circle") == 8
    assert drawn.count("<table>") == 5
    assert "<td>541431</td>" in drawn
    assert "<td>price_10</td><td>2/2</td><td>16% to 100%</td>" in drawn
    assert "<script" not in drawn
    assert "http" not in drawn
