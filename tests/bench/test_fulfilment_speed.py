"""How many parcels one shop plans, releases and sends, and what a turn costs beside them.

Always prints the figures; the bounds are a tenth of what two shared cores did.
"""

import importlib.util
import time
from pathlib import Path

from tidegate.channels.fulfilment.parcels import Asked
from tidegate.record import facts as f

RULES = Path(__file__).resolve().parents[1] / "rules"
spec = importlib.util.spec_from_file_location("fulfilment_house", RULES / "fulfilment_house.py")
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)

PARCELS, GIFTS = 60, 300
PARCELS_S_MIN, TURN_S_MAX = 2.0, 0.5


def test_parcels_go_fast_enough_and_gifts_that_rest_cost_little(tmp_path: Path) -> None:
    house = made.FulfilmentHouse(tmp_path)
    house.say(f.ReceiveStock("A", 5_000))
    house.say(f.ReceiveStock("B", 5_000))
    for n in range(PARCELS + GIFTS):
        house.paid(f"{n}", ("A", 2, 4_000))
    parcels = house.service.parcels
    began_s = time.perf_counter()
    for n in range(PARCELS):
        parcels.make(f"P{n}", [Asked("web", f"{n}", 0, 2)])
        house.service.release(f"P{n}")
        parcels.ship(f"P{n}")
    parcels_s = PARCELS / (time.perf_counter() - began_s)
    for n in range(PARCELS, PARCELS + GIFTS):
        house.service.gifts.add("web", f"{n}", "g", "B", 1, 0)
    house.service.turn()
    began_s = time.perf_counter()
    house.service.turn()
    turn_s = time.perf_counter() - began_s
    print(f"{parcels_s:.0f} parcels a second; a turn over {GIFTS} gifts {turn_s * 1000:.0f} ms")
    states = {one.state for one in house.service.gifts.listed(limit=GIFTS)}
    house.close()
    assert states == {"covered"}
    assert parcels_s > PARCELS_S_MIN
    assert turn_s < TURN_S_MAX
