"""Take a guard of the gate or the ledger away, and the stateful test notices.

Always the same machine and model as tests/property/test_people_gate.py, without shrinking.
"""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import Phase

from tidegate.people.consent.questions import Questions
from tidegate.people.consent.standing import Standing
from tidegate.people.gate import PeopleGate
from tidegate.people.notices.shelf import Notices
from tidegate.people.refusals import GateReason

MACHINE = Path(__file__).parents[1] / "property" / "test_people_gate.py"
SEQUENCES = 400


def first(*_: object, **__: object) -> int:
    return 1


def never(*_: object) -> bool:
    return False


def nothing(*_: object) -> None:
    return None


def allowed(*_: object) -> GateReason:
    return GateReason.ALLOWED


MUTANTS: list[tuple[type, str, Callable[..., object]]] = [
    (Notices, "_next_generation", first),  # a change of the notice asks nobody again
    (Standing, "_answered_no", nothing),  # a no is not heard
    (Standing, "_restored", nothing),  # consents of a copy count at once
    (Standing, "_profiled", nothing),
    (Standing, "_restrict", nothing),
    (Standing, "_sent", nothing),  # nobody counts messages
    (Questions, "_close", nothing),  # an answer counts twice
    (PeopleGate, "_is_quiet", never),
    (PeopleGate, "_is_too_often", never),
    (PeopleGate, "_consent", allowed),
    (PeopleGate, "_consents", nothing),  # in columns only
]


@pytest.mark.parametrize(
    ("owner", "name", "weaker"), MUTANTS, ids=[f"{row[0].__name__}.{row[1]}" for row in MUTANTS]
)
def test_a_missing_guard_is_noticed(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, weaker: Callable[..., object]
) -> None:
    run = runpy.run_path(str(MACHINE))["run"]
    monkeypatch.setattr(owner, name, weaker)
    with pytest.raises((AssertionError, pytest.fail.Exception, KeyError)):
        run(SEQUENCES, (Phase.generate,))
