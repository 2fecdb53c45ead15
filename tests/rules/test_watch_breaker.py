"""The breaker's states, who may do what in them, and that a stop outlives everything."""

from pathlib import Path

import msgspec
import pytest

from tidegate.watch.acting import InForce, NothingToStop, carry_out, is_so, look_again
from tidegate.watch.alarm_store import AlarmStore
from tidegate.watch.alarms import CAP, NOTE, PAUSE_PROMOTION, PAUSE_SHOP, PAUSE_SKU, Alarm
from tidegate.watch.breaker import (
    AGREE_MS,
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
from tidegate.watch.latch import Latch
from tidegate.watch.watch_file import WatchFile

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
        self.now: dict[tuple[str, str], InForce] = {
            ("sku", "A"): InForce(True, False, 2, 9),
            ("shop", ""): InForce(True, False, 1, 500),
        }
        self.given: list[str] = []
        self.reached, self.obeys = True, True

    def act(self, action: Action) -> None:
        if not self.reached:
            raise ConnectionError("nobody there")
        now = self.in_force(action.target, action.code)
        if not now.known:
            raise NothingToStop("no such thing")
        if action.id in self.given or not self.obeys:
            return
        self.given = [*self.given, action.id]
        if action.kind == "pause":
            now = now._replace(paused=True)
        elif action.kind == "cap":
            now = now._replace(quantity_min=1, quantity_max=1)
        self.now[action.target, action.code] = now

    def in_force(self, target: str, code: str) -> InForce:
        if not self.reached:
            raise ConnectionError("nobody there")
        return self.now.get((target, code), InForce(False, False, 0, 0))


class Watched:
    """A latch on disk, and the desk."""

    def __init__(self, folder: Path) -> None:
        self.file = WatchFile(folder / "watch.db")
        self.latch, self.house = Latch(self.file), House()
        self.alarms = AlarmStore(folder / "watch.db", self.file)

    def take(self, *alarms: Alarm, now_ms: int = 1) -> list[str]:
        _, actions = self.latch.take(alarms, now_ms)
        return carry_out(self.latch, self.house, actions, now_ms)

    def due(self, now_ms: int) -> list[str]:
        actions = self.latch.change(lambda breaker: breaker.due(now_ms))
        return carry_out(self.latch, self.house, actions, now_ms)

    def confirmed_ms(self, target: str = "sku", code: str = "A") -> int:
        return self.latch.breaker().switch(target, code).confirmed_ms


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


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
    breaker = Breaker()
    breaker.on_alarm(alarm(PAUSE_SKU), 1)
    (trickle,) = breaker.half_open("sku", "A", ANN, 2)
    assert (trickle.kind, trickle.actor, trickle.approver) == ("trickle", 11, 0)
    assert breaker.phase("sku", "A") == HALF_OPEN
    with pytest.raises(BreakerRefused, match="half open for 900 more seconds"):
        breaker.close("sku", "A", ANN, 2)
    breaker.read_back(trickle, 3)
    (resume,) = breaker.close("sku", "A", ANN, 2 + AGAIN)
    assert breaker.repeated("sku", "A", "resume") == (resume,)
    breaker.read_back(resume, 3 + AGAIN)
    assert (breaker.phase("sku", "A"), breaker.switches) == (CLOSED, {})
    assert [event.person for event in breaker.history] == [0, 11, 11]


def test_what_people_ask_for_is_never_asked_by_the_watch() -> None:
    breaker = Breaker()
    breaker.on_alarm(alarm(PAUSE_SKU), 1)
    breaker.half_open("sku", "A", ANN, 2)
    assert breaker.due(10**9) == ()


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
    (resume,) = breaker.close("shop", "", BEN, 5 + AGAIN)
    assert (resume.kind, resume.actor, resume.approver) == ("resume", 11, 22)


def test_the_first_word_of_two_counts_for_an_hour() -> None:
    breaker = Breaker()
    breaker.on_alarm(alarm(PAUSE_SHOP), 1)
    assert breaker.half_open("shop", "", ANN, 2) == ()
    assert breaker.half_open("shop", "", BEN, 3 + AGREE_MS) == ()
    assert [one.kind for one in breaker.half_open("shop", "", ANN, 4 + AGREE_MS)] == ["trickle"]


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
    breaker = Breaker()
    (action,) = breaker.stop_shop(ANN, 1)
    assert (action.kind, action.target, action.actor) == ("pause", "shop", 11)
    assert breaker.history[-1].person == 11
    assert breaker.stop_shop(BEN, 2) == ()


def test_an_id_has_no_digit_and_no_alarm_s_numbers_go_on_record() -> None:
    (action,) = Breaker().on_alarm(alarm(PAUSE_SKU), 1_790_000_000_000)
    assert not any(sign.isdigit() for sign in action.id + action.note)
    assert action.note == "the watch: cheap, sku"


def test_the_latch_outlives_a_restart() -> None:
    breaker = Breaker()
    breaker.on_alarm(alarm(PAUSE_SHOP), 1)
    breaker.half_open("shop", "", ANN, 2)
    again = msgspec.json.decode(msgspec.json.encode(breaker), type=Breaker)
    assert again == breaker
    with pytest.raises(BreakerRefused):
        again.half_open("shop", "", ANN, 3)


def test_what_cannot_be_asked_is_asked_again_under_the_same_id(watched: Watched) -> None:
    house = watched.house
    house.reached = False
    assert watched.take(alarm(PAUSE_SKU)) == ["pause sku A: nobody there"]
    asked = watched.latch.breaker().switch("sku", "A").action
    assert asked is not None
    house.reached, house.obeys = True, False
    assert watched.due(1 + ASK_AGAIN_MS) == ["pause sku A: asked, and not in force yet"]
    assert watched.confirmed_ms() == 0
    house.obeys = True
    assert watched.due(2 + ASK_AGAIN_MS) == []
    assert watched.confirmed_ms() == 0
    assert watched.due(1 + 2 * ASK_AGAIN_MS) == []
    assert house.given == [asked.id]
    assert watched.confirmed_ms() == 1 + 2 * ASK_AGAIN_MS
    assert watched.latch.change(lambda breaker: breaker.due(10**9)) == ()


def test_the_gravest_is_asked_for_first(watched: Watched) -> None:
    watched.house.reached = False
    watched.take(alarm(CAP), alarm(PAUSE_SHOP))
    due = watched.latch.change(lambda breaker: breaker.due(1 + ASK_AGAIN_MS))
    assert [action.target for action in due] == ["shop", "sku"]


def test_what_was_read_back_of_an_older_action_confirms_nothing() -> None:
    breaker = Breaker()
    (first,) = breaker.on_alarm(alarm(CAP), 1)
    breaker.on_alarm(alarm(PAUSE_SKU), 2)
    breaker.read_back(first, 3)
    assert breaker.switch("sku", "A").confirmed_ms == 0


def test_a_target_that_is_gone_is_asked_for_once(watched: Watched) -> None:
    assert watched.take(alarm(CAP, "gone")) == ["cap sku gone: no such thing"]
    assert watched.due(10**9) == []
    switch = watched.latch.breaker().switch("sku", "gone")
    assert (switch.phase, switch.fault) == (OPEN, "no such thing")


def test_the_bounds_before_a_cap_are_remembered_once(watched: Watched) -> None:
    watched.take(alarm(CAP))
    assert watched.house.now["sku", "A"] == InForce(True, False, 1, 1)
    watched.take(alarm(PAUSE_SKU), now_ms=2)
    channel = alarm(CAP)._replace(scope=2, code="web", key="channel")
    watched.take(channel, now_ms=3)
    switches = watched.latch.breaker().switches
    assert (switches["sku:A"].bounds, switches["shop:"].bounds) == ((2, 9), (1, 500))


def test_what_is_lifted_past_the_breaker_is_asked_for_again(watched: Watched) -> None:
    watched.take(alarm(PAUSE_SKU), now_ms=1)
    assert look_again(watched.latch, watched.house, 2) == ()
    watched.house.now["sku", "A"] = InForce(True, False, 2, 9)
    (again,) = look_again(watched.latch, watched.house, 3)
    assert carry_out(watched.latch, watched.house, (again,), 3) == []
    assert watched.house.now["sku", "A"].paused
    assert (watched.house.given[-1], watched.confirmed_ms()) == (again.id, 3)
    assert "lifted past the breaker" in watched.latch.breaker().history[-1].why


def test_an_alarm_and_its_switch_end_together(watched: Watched) -> None:
    watched.take(alarm(PAUSE_SKU), alarm(NOTE))
    assert [found.switch for found in watched.alarms.list("open")] == ["", "sku:A"]
    watched.latch.change(lambda breaker: breaker.half_open("sku", "A", ANN, 2))
    assert len(watched.alarms.list("closed")) == 0
    watched.latch.change(lambda breaker: breaker.close("sku", "A", ANN, 2 + AGAIN))
    assert [found.key for found in watched.alarms.list("closed")] == ["key-3-A-0"]
    assert watched.latch.take((alarm(PAUSE_SKU),), 3 + AGAIN) == ([], [])


@pytest.mark.parametrize(
    ("kind", "now", "holds"),
    [
        ("pause", InForce(True, True, 1, 9), True),
        ("cap", InForce(True, False, 1, 1), True),
        ("cap", InForce(True, True, 1, 9), True),
        ("cap", InForce(True, False, 1, 9), False),
        ("trickle", InForce(True, False, 1, 1), True),
        ("trickle", InForce(True, True, 1, 1), False),
        ("trickle", InForce(True, False, 1, 9), False),
        ("resume", InForce(True, False, 2, 9), True),
        ("resume", InForce(True, True, 2, 9), False),
    ],
)
def test_what_is_in_force_is_compared_with_what_was_asked(
    kind: str, now: InForce, holds: bool
) -> None:
    assert is_so(Action("x", kind, "sku", "A", ""), now) is holds


def test_an_alarm_that_comes_again_after_a_restart_opens_nothing_that_people_closed() -> None:
    breaker = Breaker()
    breaker.on_alarm(alarm(PAUSE_SKU), 1)
    breaker.half_open("sku", "A", ANN, 2)
    breaker.close("sku", "A", ANN, 2 + AGAIN)
    again = msgspec.json.decode(msgspec.json.encode(breaker), type=Breaker)
    assert again.on_alarm(alarm(PAUSE_SKU), 3 + AGAIN) == ()
    assert again.switch("sku", "A").phase == CLOSED
