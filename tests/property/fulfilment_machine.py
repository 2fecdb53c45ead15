"""What the state machines of the workflows share: a house, a process that is killed, strategies.

Always the real desk, engine and stores; whatever is done is done once more after a kill.
"""

import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from tidegate.channels.fulfilment.ports import NotDone

RULES = Path(__file__).resolve().parents[1] / "rules"
spec = importlib.util.spec_from_file_location("fulfilment_house", RULES / "fulfilment_house.py")
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
TERMS = made.TERMS._replace(balance_until_ms=made.NOW_MS + 2 * made.HOUR_MS)
Answer = Any  # what the workflow gives, or the word why not

QUIET = settings(
    settings.default,
    max_examples=15, stateful_step_count=20, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
HUGE = 1_000_001
choices = st.sampled_from([0, 0, 0, 1, 1, 2, 3])
kills = st.sampled_from([-1, -1, -1, 0, 1, 2, 3, 4, 6, 9])
orders = st.sampled_from(["1", "1", "1", "2", "3"])  # dense enough that things meet
units = st.sampled_from([1, 1, 2, 3, 0, -1, HUGE])
parts = st.sampled_from([1, 1, 1, 2, 2, 3, HUGE])


class Machine(RuleBasedStateMachine):
    """What the four have in common: a house, and a process that may be killed in any call."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="fulfilment-"))
        self.house = made.FulfilmentHouse(self.folder)

    def teardown(self) -> None:
        self.house.close()
        shutil.rmtree(self.folder)

    def done(self, kill: int, call: Callable[[], Any]) -> Answer:
        """A call's answer, or the word why not; after a kill the same call is made once more."""
        self.house.kill_after = kill
        try:
            return self.word(call)
        except made.Killed:
            self.house.again()
            return self.word(call)
        finally:
            self.house.kill_after = -1

    @staticmethod
    def word(call: Callable[[], Any]) -> Answer:
        try:
            return call()
        except NotDone as error:
            return error.reason

    def turn(self) -> None:
        """Of whatever process there is then."""
        self.house.service.turn()

    def cell(self, sku: str = "A") -> dict[str, int]:
        found = self.house.cell(sku, "shared")
        names = ("on_hand", "pre_held", "committed", "released", "debt", "shipped")
        return {name: found.get(name, 0) for name in names}
