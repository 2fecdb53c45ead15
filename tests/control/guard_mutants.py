"""The price guard with one place of its code changed: run its suite, and print whether it noticed.

    python guard_mutants.py STEP FIRST     (the table: guard_mutants.txt)

Runs every STEP-th mutant from FIRST on, each in a process of its own (forked before the guard is
imported), and prints a line for each: its name, and 1 where the suite noticed. Each change is one
that a hurried programmer would make: a rounding, a tier, an exclusivity, a bound.
"""

import importlib.util
import os
import signal
import sys
from collections import Counter
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

# Whatever the guard imports, imported once for all children.
import tidegate.bench
import tidegate.pricing.book
import tidegate.pricing.price
import tidegate.pricing.reading
import tidegate.pricing.receipt
import tidegate.testing.small_shops
import tidegate.testing.wide_shop

TESTS = Path(__file__).parents[1]
GUARD = Path(tidegate.pricing.book.__file__).parent / "guard"
SHOPS = range(300)
BOXED = range(1_000, 3_000)
RESTS = range(20_000, 20_250)
SECONDS_MAX = 30  # of the processor: a mutant that takes longer has been noticed


def mutants() -> list[tuple[str, str, str, str]]:
    """Module, name, what stands there once, what is put in its place; the first changes nothing."""
    found = [("search", "nothing", "class Search:", "class Search:")]
    text = Path(__file__).with_suffix(".txt").read_text("utf-8")
    for block in text.split("\n\n")[1:]:
        title, old, new = block.strip("\n").split("\n")
        module, _, name = title.partition(": ")
        found.append((module, name, plain(old, "-"), plain(new, "+")))
    return found


def plain(line: str, mark: str) -> str:
    """A line of the table as source."""
    assert line.startswith(mark), line
    return line[1:].replace("\\n", "\n")


class Changed(MetaPathFinder, Loader):
    """Gives one module of the guard with a place of its source changed."""

    def __init__(self, module: str, old: str, new: str) -> None:
        self.name = f"tidegate.pricing.guard.{module}"
        source = (GUARD / f"{module}.py").read_text("utf-8")
        assert source.count(old) == 1, (module, old, source.count(old))
        self.source = source.replace(old, new)

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """Ours, or none of our business."""
        if fullname != self.name:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        exec(compile(self.source, self.name, "exec"), module.__dict__)


def loaded(path: Path) -> ModuleType:
    """A test file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def suite() -> None:
    """The guard's brute force and its rules, the quickest first; raises where one notices."""
    with open(os.devnull, "w") as silence:
        os.dup2(silence.fileno(), 1)
        os.dup2(silence.fileno(), 2)
    brute = loaded(TESTS / "property" / "test_guard_brute_force.py")
    for seed in BOXED:
        brute.judge_boxes(seed, 12)
    mix: Counter[str] = Counter()
    for seed in (*brute.SHARP, *SHOPS):
        brute.judge(seed, mix)
    assert not mix["crowd unknown"]
    for seed in (*brute.ONCE_WRONG, *RESTS):
        brute.judge_rests(seed)
    rules = [str(TESTS / "rules" / f"test_guard_{name}.py") for name in ("trap", "answers")]
    rules.append(str(TESTS / "property" / "test_guard_parts.py"))
    assert pytest.main(["-x", "-q", "-p", "no:cacheprovider", *rules]) == 0


def noticed(module: str, old: str, new: str) -> bool:
    """Whether the suite fails in a child process that has the change."""
    finder = Changed(module, old, new)
    child = os.fork()
    if not child:
        signal.setitimer(signal.ITIMER_PROF, SECONDS_MAX)  # ends it, as an alarm would
        sys.meta_path.insert(0, finder)
        try:
            suite()
        except BaseException:  # noqa: BLE001 -- whatever it is, it was noticed
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def main() -> None:
    """Every STEP-th mutant from FIRST on."""
    step, first = int(sys.argv[1]), int(sys.argv[2])
    for module, name, old, new in mutants()[first::step]:
        print(f"{module}: {name}\t{int(noticed(module, old, new))}", flush=True)


if __name__ == "__main__":
    main()
