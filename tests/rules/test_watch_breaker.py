"""The breaker's states, who may do what in them, and that a stop outlives everything."""

import msgspec
import pytest

from tidegate.record import facts as f
from tidegate.watch.acting import carry_out, commands_of
from tidegate.watch.alarms import CAP, NOTE, PAUSE_PROMOTION, PAUSE_SHOP, PAUSE_SKU, Alarm
from tidegate.watch.breaker import (
    ASK_AGAIN_MS,
    CLOSED,
    HALF_OPEN,
    OPEN,
    TRICKLE_MS,
    Action,
    Breaker,
    BreakerRefused,
    Person,
)

ANN, BEN = Person(11, "the price is right again"), Person(22, "seen, agreed")
AGAIN = TRICKLE_MS + 1


def alarm(level: int, code: str = "A", at_ms: int = 0) -> Alarm:
    scope = {PAUSE_SHOP: 2, PAUSE_PROMOTION: 1}.get(level, 0)
    return Alarm(
        f"key-{level}-{code}-{at_ms}", at_ms, level, scope, 7, code, 1, 1, "0" * 32, 0, 2, 2, 100,
        15.0, 14.0, "a sentence", "一句话",
    )  # fmt: skip


class House:
    """A desk that does as it is told, or does not, or cannot be reached."""

    def __init__(self) -> None:
        self.flags: dict[tuple[str, str], bool] = {}
        self.skus = {"A": f.PutSku("A", 1000, 500, quantity_max=9, quantity_min=2, parts={"B": 2})}
        self.bound = 500
        self.given: list[str] = []
        self.reached, self.obeys = True, True

    def command(self, command: f.Command, command_id: str) -> None:
        if not self.reached:
            raise ConnectionError
        if command_id in self.given or not self.obeys:
            return
        self.given = [*self.given, command_id]
        if isinstance(command, f.SetFlag):
            self.flags[command.scope, command.target] = command.on
        elif isinstance(command, f.PutSku):
            self.skus[command.code] = command
        elif isinstance(command, f.SetPolicy):
            assert command.quantity_max_order is not None
            self.bound = command.quantity_max_order

    def is_so(self, action: Action) -> bool:
        if not self.reached:
            raise ConnectionError
        paused = self.flags.get((action.target, action.code), False)
        if action.kind == "pause":
            return paused
        known = self.skus.get(action.code)
        most = self.bound if action.target == "shop" else known.quantity_max if known else 0
        return not paused and ((most == 1) == (action.kind == "cap"))

    def sku(self, code: str) -> f.PutSku | None:
        return self.skus.get(code)

    def quantity_max_order(self) -> int:
        return self.bound


def done(breaker: Breaker, actions: tuple[Action, ...], house: House, now_ms: int) -> int:
    return len(carry_out(breaker, actions, house, house, now_ms))


@pytest.mark.parametrize(
    ("level", "kind", "target", "code"),
    [
        (CAP, "cap", "sku", "A"),
        (PAUSE_PROMOTION, "pause", "promotion", "A"),
        (PAUSE_SKU, "pause", "sku", "A"),
        (PAUSE_SHOP, "pause", "shop", ""),
    ],
)
def test_each_level_asks_for_one_thing(level: int, kind: str, target: str, code: str) -> None:
    (action,) = Breaker().on_alarm(alarm(level), 5)
    assert (action.kind, action.target, action.code) == (kind, target, code)


def test_a_note_asks_for_nothing() -> None:
    breaker = Breaker()
    assert breaker.on_alarm(alarm(NOTE), 5) == ()
    assert breaker.switches == {}


def test_an_open_switch_opens_again_only_for_more() -> None:
    breaker = Breaker()
    assert len(breaker.on_alarm(alarm(CAP), 1)) == 1
    assert breaker.on_alarm(alarm(CAP, at_ms=2), 2) == ()
    assert [action.kind for action in breaker.on_alarm(alarm(PAUSE_SKU), 3)] == ["pause"]
    assert breaker.on_alarm(alarm(CAP, at_ms=4), 4) == ()


def test_three_items_in_ten_minutes_are_the_shop() -> None:
    breaker = Breaker()
    kinds = [
        [action.target for action in breaker.on_alarm(alarm(PAUSE_SKU, code), at_ms)]
        for code, at_ms in (("A", 0), ("B", 1000), ("C", 2000))
    ]
    assert kinds == [["sku"], ["sku"], ["sku", "shop"]]


def test_a_person_closes_it_by_way_of_a_trickle() -> None:
    breaker, house = Breaker(), House()
    done(breaker, breaker.on_alarm(alarm(PAUSE_SKU), 1), house, 1)
    assert house.flags["sku", "A"]
    done(breaker, breaker.half_open("sku", "A", ANN, 2), house, 2)
    assert breaker.switch("sku", "A").phase == HALF_OPEN
    capped = house.skus["A"]
    assert (capped.quantity_min, capped.quantity_max, capped.parts) == (1, 1, {"B": 2})
    with pytest.raises(BreakerRefused, match="half open for 900 more seconds"):
        breaker.close("sku", "A", ANN, 2)
    done(breaker, breaker.close("sku", "A", ANN, 2 + AGAIN), house, 2 + AGAIN)
    assert breaker.switch("sku", "A").phase == CLOSED
    back = house.skus["A"]
    assert (back.quantity_min, back.quantity_max, house.flags["sku", "A"]) == (2, 9, False)
    assert [event.person for event in breaker.history] == [0, 11, 11]


def test_an_alarm_while_half_open_opens_it_again() -> None:
    breaker = Breaker()
    breaker.on_alarm(alarm(PAUSE_SKU), 1)
    breaker.half_open("sku", "A", ANN, 2)
    assert [action.kind for action in breaker.on_alarm(alarm(CAP), 3)] == ["cap"]
    assert breaker.switch("sku", "A").phase == OPEN


def test_after_a_shop_pause_two_people_must_agree() -> None:
    breaker = Breaker()
    breaker.on_alarm(alarm(PAUSE_SHOP), 1)
    assert breaker.half_open("shop", "", ANN, 2) == ()
    with pytest.raises(BreakerRefused, match="a second person must agree"):
        breaker.half_open("shop", "", Person(11, "another key of mine"), 3)
    assert breaker.switch("shop", "").phase == OPEN
    assert len(breaker.half_open("shop", "", BEN, 4)) == 1
    assert breaker.close("shop", "", ANN, 4 + AGAIN) == ()
    assert [action.kind for action in breaker.close("shop", "", BEN, 5 + AGAIN)] == ["resume"]


def test_an_alarm_between_the_two_makes_them_begin_again() -> None:
    breaker = Breaker()
    breaker.on_alarm(alarm(PAUSE_SHOP), 1)
    breaker.half_open("shop", "", ANN, 2)
    breaker.half_open("shop", "", BEN, 3)
    breaker.close("shop", "", ANN, 3 + AGAIN)
    breaker.on_alarm(alarm(PAUSE_SHOP, at_ms=4), 4 + AGAIN)
    with pytest.raises(BreakerRefused, match="shop is open, not half_open"):
        breaker.close("shop", "", BEN, 5 + AGAIN)
    assert breaker.half_open("shop", "", BEN, 6 + AGAIN) == ()


def test_nobody_closes_anything_without_a_reason() -> None:
    breaker = Breaker()
    breaker.on_alarm(alarm(PAUSE_SKU), 1)
    with pytest.raises(BreakerRefused, match="a reason must be given"):
        breaker.half_open("sku", "A", Person(11, "  "), 2)
    with pytest.raises(BreakerRefused, match="sku B is closed, not open"):
        breaker.half_open("sku", "B", ANN, 2)


def test_a_person_stops_the_shop_at_once() -> None:
    breaker, house = Breaker(), House()
    done(breaker, breaker.stop_shop(ANN, 1), house, 1)
    assert house.flags["shop", ""]
    assert breaker.history[-1].person == 11


def test_the_latch_outlives_a_restart() -> None:
    breaker = Breaker()
    breaker.on_alarm(alarm(PAUSE_SHOP), 1)
    breaker.half_open("shop", "", ANN, 2)
    again = msgspec.json.decode(msgspec.json.encode(breaker), type=Breaker)
    assert again == breaker
    with pytest.raises(BreakerRefused):
        again.half_open("shop", "", ANN, 3)


def test_what_cannot_be_asked_is_asked_again_under_the_same_id() -> None:
    breaker, house = Breaker(), House()
    house.reached = False
    actions = breaker.on_alarm(alarm(PAUSE_SKU), 1)
    assert done(breaker, actions, house, 1) == 1
    house.reached, house.obeys = True, False
    assert done(breaker, (), house, 1 + ASK_AGAIN_MS) == 0
    assert breaker.switch("sku", "A").confirmed_ms == 0
    house.obeys = True
    assert breaker.due(2 + ASK_AGAIN_MS) == ()
    done(breaker, (), house, 1 + 2 * ASK_AGAIN_MS)
    assert house.given == [f"{actions[0].id}-0"]
    assert breaker.switch("sku", "A").confirmed_ms == 1 + 2 * ASK_AGAIN_MS
    assert breaker.due(10**9) == ()


def test_what_was_read_back_of_an_older_action_confirms_nothing() -> None:
    breaker = Breaker()
    (first,) = breaker.on_alarm(alarm(CAP), 1)
    breaker.on_alarm(alarm(PAUSE_SKU), 2)
    breaker.read_back(first, 3)
    assert breaker.switch("sku", "A").confirmed_ms == 0


def test_a_target_that_is_gone_needs_no_command() -> None:
    breaker, house = Breaker(), House()
    (action,) = breaker.on_alarm(alarm(CAP, "gone"), 1)
    assert commands_of(action, breaker.switch("sku", "gone"), house) == ()


def test_a_cap_of_the_shop_gives_the_bound_back() -> None:
    breaker, house = Breaker(), House()
    channel = alarm(CAP)._replace(scope=2, code="web")
    done(breaker, breaker.on_alarm(channel, 1), house, 1)
    assert house.bound == 1
    done(breaker, breaker.half_open("shop", "", ANN, 2), house, 2)
    done(breaker, breaker.close("shop", "", ANN, 2 + AGAIN), house, 2 + AGAIN)
    assert house.bound == 500


def test_an_alarm_that_comes_again_after_a_restart_opens_nothing_that_people_closed() -> None:
    breaker = Breaker()
    breaker.on_alarm(alarm(PAUSE_SKU), 1)
    breaker.half_open("sku", "A", ANN, 2)
    breaker.close("sku", "A", ANN, 2 + AGAIN)
    again = msgspec.json.decode(msgspec.json.encode(breaker), type=Breaker)
    assert again.on_alarm(alarm(PAUSE_SKU), 3 + AGAIN) == ()
    assert again.switch("sku", "A").phase == CLOSED
