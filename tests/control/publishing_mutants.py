"""Publishing with one place of its code changed: run its tests, and print whether they noticed.

    python publishing_mutants.py NUMBER     (the table: MUTANTS)

One process a mutant, since everything imports what is changed. Each takes away one promise: that
what is published is what was checked, at the version it was checked at, by the people it takes.
"""

import importlib
import importlib.util
import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]
ENGINE, WATCH, BOUNDS, FAULTS, RULES = (
    "rules/test_engine_promotions.py", "rules/test_publishing_watch.py",
    "rules/test_publishing_bounds.py", "faults/test_publishing.py", "rules/test_publishing.py",
)  # fmt: skip


class Mutant(NamedTuple):
    """What is changed, by whom it must be noticed, and what is put in the place of what."""

    name: str
    module: str
    tests: tuple[str, ...]
    old: str
    new: str


MUTANTS = (
    Mutant(
        "nothing", "publishing.service", (ENGINE, WATCH, BOUNDS, FAULTS, RULES), "class ", "class ",
    ),
    Mutant(
        "the version it was checked at", "engine.promotion_commands", (ENGINE,),
        "if c.expected_version != int(ctx.state.scalars[lo.PRICING_VERSION]):", "if False:",
    ),
    Mutant(
        "the version, seen from publishing", "engine.promotion_commands", (FAULTS,),
        "if c.expected_version != int(ctx.state.scalars[lo.PRICING_VERSION]):", "if False:",
    ),
    Mutant(
        "two people", "engine.promotion_commands", (ENGINE,),
        "if ctx.actor == 0 or ctx.approver == 0 or ctx.actor == ctx.approver:", "if False:",
    ),
    Mutant(
        "an exception that holds", "engine.promotion_commands", (ENGINE,),
        'if row["known"] == 0 or row["expires_ms"] <= ctx.now_ms or row["units_left"] <= 0:',
        "if False:",
    ),
    Mutant(
        "groups and bounds as they were", "publishing.service", (BOUNDS,),
        "if surroundings != surroundings_of(self.desk):", "if False:",
    ),
    Mutant(
        "proved", "publishing.service", (WATCH,), "if done.checked.verdict != PROVED:", "if False:",
    ),
    Mutant(
        "the draft that was checked", "publishing.service", (FAULTS,),
        "if now.promotion != draft.promotion:", "if False:",
    ),
    Mutant(
        "exceptions end when it is stale", "publishing.service", (FAULTS,),
        "if answer.reason != Reason.ACCEPTED:\n            await self._end(publication.exceptions,",
        "if False:\n            await self._end(publication.exceptions,",
    ),
    Mutant(
        "the check that was read", "publishing.publication", (WATCH,),
        "if draft.check.digest != digest:", "if False:",
    ),
    Mutant(
        "what is paused sells no more", "pricing.standing", (RULES,),
        " and one.code not in prices.paused", "",
    ),
    Mutant(
        "an exception is for its own promotion", "publishing.checking", (BOUNDS,),
        "if alone is not None:", "if False:",
    ),
    Mutant(
        "a collar beside the floor", "publishing.bounds", (BOUNDS,),
        "for number in reached:", "for number in ():",
    ),
    Mutant(
        "what is no longer proved is paused", "publishing.watching", (WATCH,),
        "if checked.verdict == PROVED:", "if True:",
    ),
    Mutant(
        "a group that moved is looked at", "publishing.books", (WATCH,),
        "and all(one is there", "and all(True or one is there",
    ),
    Mutant(
        "more units in an order are looked at", "publishing.books", (BOUNDS,),
        "and self.line_units_max == other.line_units_max", "",
    ),
    Mutant(
        "a window that opens is looked at", "publishing.watching", (WATCH,),
        "yield promotion.start_ms - GOING_LIVE_LEAD_MS", "yield 0",
    ),
    Mutant(
        "a check of before answers no other", "publishing.checker", (FAULTS,),
        "except BaseException:  # nobody waits for its answer, which would be taken for the next\n"
        "                await self._end()",
        "except BaseException:",
    ),
)  # fmt: skip


class Changed(MetaPathFinder, Loader):
    """Gives one module with a place of its source changed."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = f"tidegate.{mutant.module}"
        path = Path(importlib.import_module("tidegate").__path__[0])
        source = path.joinpath(*mutant.module.split(".")).with_suffix(".py").read_text("utf-8")
        assert mutant.old in source, mutant
        self.source = source.replace(mutant.old, mutant.new, 1)

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """Ours, or none of our business."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        exec(compile(self.source, self.name, "exec"), module.__dict__)


def main() -> None:
    """One mutant."""
    mutant = MUTANTS[int(sys.argv[1])]
    sys.meta_path.insert(0, Changed(mutant))
    said = os.dup(1)
    with open(os.devnull, "w") as silence:
        os.dup2(silence.fileno(), 1)
        os.dup2(silence.fileno(), 2)
    files = [str(TESTS / name) for name in mutant.tests]
    status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *files])
    os.write(said, f"{int(status != 0)}\n".encode())


if __name__ == "__main__":
    main()
