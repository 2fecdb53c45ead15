"""A desk with publishing beside it, for tests: real desk, engine and drafts, a checker by hand.

Always an injected clock; the checker says what a test tells it to, or asks the real guard in this
process.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from tidegate.access.approvals import Approval
from tidegate.pricing.effects import PercentOff
from tidegate.pricing.promotion import Promotion, Scope
from tidegate.pricing.publishing import Checked, Counterexample
from tidegate.publishing.checking import CheckAsked, CheckDone, checked
from tidegate.publishing.guarding import price_guard
from tidegate.publishing.publication import ForceWish
from tidegate.publishing.shop_publishing import ShopPublishing
from tidegate.record import facts as f

DAY_MS, HOUR_MS = 86_400_000, 3_600_000


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


desk_house = beside("desk_house")
NOW_MS: int = desk_house.NOW_MS
run: Any = desk_house.run
HandClock: Any = desk_house.HandClock


class HandChecker:
    """Asks the real guard, unless it was told what to say."""

    def __init__(self) -> None:
        self.asked: list[CheckAsked] = []
        self.says: Checked | None = None

    async def close(self) -> None:
        """Nothing is held."""

    async def check(self, asked: CheckAsked) -> CheckDone:
        """The answer."""
        self.asked.append(asked)
        if self.says is not None:
            return CheckDone(self.says, "", asked.prices.version)
        return checked(asked, price_guard)


class Person:
    """Whoever gives a command."""

    def __init__(self, token: int) -> None:
        self.person_token = token


ANN, BOB = Person(77), Person(78)


def promotion(code: str = "P", pay_bp: int = 8_000, **changes: Any) -> Promotion:  # noqa: ANN401
    """So much off A, for a day from now on."""
    given = {
        "code": code, "level": "item", "effect": PercentOff(pay_bp=pay_bp),
        "start_ms": NOW_MS, "end_ms": NOW_MS + DAY_MS, "scope": Scope(skus=("A",)),
    }  # fmt: skip
    return Promotion(**(given | changes))


def example(*codes: str) -> Checked:
    """What a guard says that found one A at 10 fen, by these promotions."""
    found = Counterexample((("A", 1),), "A", 10, 500, codes, NOW_MS)
    return Checked("below_floor", counterexample=found, below={"A": 10})


class House:
    """A shop with SKU A at 1,000 fen and a floor of 500."""

    def __init__(self, folder: Path, store: Any = None, clock: Any = None) -> None:  # noqa: ANN401
        self.desks = desk_house.House(store, clock)
        self.desk = self.desks.desk
        self.clock = self.desks.clock
        self.checker = HandChecker()
        path = folder / "publishing.db"
        self.prices = ShopPublishing(self.desk, path, self.clock.now_ms, self.checker)
        self.service, self.watching = self.prices.service, self.prices.watching

    async def close(self) -> None:
        """Let go of everything, as a graceful stop does."""
        await self.prices.stop()
        await self.desk.stop()

    async def publish(self, wanted: Promotion) -> int:
        """Draft, check, publish; the reason comes back."""
        await self.service.put(wanted, "", ANN.person_token)
        draft = await self.service.check(wanted.code)
        assert draft.check is not None
        answer = await self.service.publish(
            wanted.code, draft.check.digest, "p-" + wanted.code, ANN
        )
        return int(answer.reason)

    async def forced(self, wanted: Promotion, wish: dict[str, Any]) -> Approval:
        """What two people will have approved of it."""
        await self.service.put(wanted, "", ANN.person_token)
        draft = await self.service.check(wanted.code)
        assert draft.check is not None
        approvals = HandApprovals()
        await self.service.propose(
            approvals, ANN, ForceWish(wanted.code, draft.check.digest, **wish)
        )
        return Approval(bytes(16), approvals.content, ANN.person_token, BOB.person_token)

    def paused(self, code: str) -> bool:
        """Whether a promotion is."""
        number = self.desk.catalogue.promotions[code]
        return bool(int(self.desk.machine.state.promotions[number]["flags"]) & 1)

    def say(self, command: f.Command) -> Any:  # noqa: ANN401
        """Give a command."""
        return self.desks.say(command)


class HandApprovals:
    """Keeps what was proposed."""

    def __init__(self) -> None:
        self.content = b""

    def propose(self, shop: str, content: bytes, *_: object, **__: object) -> Any:  # noqa: ANN401
        """Keep it."""
        self.content = content
        assert shop == "shop"

        class Kept:
            id = bytes(16)

        return Kept()
