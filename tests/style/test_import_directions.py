"""Who may import whom: the boundaries of ARCHITECTURE.md, as a table that the code must obey.

Always reads the source, including imports inside functions; never imports it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "tidegate"

EVERYTHING = "*"
EDGE = (
    "access", "bootstrap", "desk", "domain", "people", "pricing", "publishing", "record", "views",
)  # fmt: skip

# Package or module -> what it may import of ours. A name with a dot is that module alone.
# A new package gets a line here, and its reason in ARCHITECTURE.md.
ALLOWED: dict[str, tuple[str, ...]] = {
    "__init__": (),
    "bootstrap": (EVERYTHING,),  # the one place that builds real clocks, disks and sockets
    # What decides.
    "domain": (),
    "record": ("domain",),
    "engine": ("domain", "record"),
    "pricing": ("domain", "record"),
    # What makes durable: bytes only, it knows no rule and no order.
    "journal": ("storage",),
    "storage": (),
    # What stands alone.
    "access": ("domain", "storage"),
    "people": ("domain", "journal", "storage"),  # it has a stream of its own
    "checkpoints": ("domain",),
    "front_door": (),
    "store_paths": (),
    # What puts them together.
    "desk": ("domain", "engine", "journal", "record"),
    "publishing": ("access", "desk", "domain", "engine", "pricing", "record", "storage"),
    "stopping": ("desk.answers", "domain", "engine", "record", "watch"),
    # What follows.
    "followers": (
        "access",
        "desk.recovery",
        "domain",
        "engine",
        "journal",
        "pricing",
        "record",
        "store_paths",
        "views",
        "watch",
    ),
    "views": ("domain", "journal.follow", "record", "storage"),
    "watch": ("domain", "journal.follow", "record", "storage"),
    "incident": ("domain", "journal.follow", "record", "storage", "views"),
    "channels": ("desk.answers", "domain", "journal.follow", "record", "storage"),
    # The edges: they reach the rest through the desk, views and services, never the journal.
    "http": (*EDGE, "channels", "stopping", "watch"),
    "console": (*EDGE, "http"),
    "packed": EDGE,
    "imports": (*EDGE, "channels"),
    "cli": (*EDGE, "bench", "channels", "demo", "http", "imports", "incident", "packed", "watch"),
    "demo": (*EDGE, "http", "imports", "testing"),
    # These measure and break the parts themselves.
    "bench": (EVERYTHING,),
    "testing": ("channels", "domain", "engine", "journal", "people", "pricing", "record"),
}
USERS_OF_TESTING = ("bench", "demo", "testing")  # tests besides; never what serves a shop

# What would make a decision depend on the machine, the hour or luck, and what to do instead.
BANNED_IN_DECISIONS = {
    "asyncio": "decide in plain functions; the desk waits",
    "datetime": "time comes in as milliseconds and a day number",
    "multiprocessing": "the desk owns processes",
    "random": "draw at the edge and pass the number in",
    "secrets": "draw at the edge and pass the number in",
    "socket": "the edges talk",
    "sqlite3": "the journal stores",
    "subprocess": "the edges start programs",
    "threading": "one writer; the desk owns threads",
    "time": "time comes in as an argument",
    "uuid": "ids come in as arguments",
    "zoneinfo": "the desk passes the local day number",
}
DECIDING = ("domain", "record", "engine", "pricing")


def imported(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Each imported name with its line; relative imports are resolved against the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def is_allowed(area: str, target: str) -> bool:
    """Whether a file of `area` may import `target`, a dotted name below `tidegate`."""
    allowed = ALLOWED[area]
    if target.partition(".")[0] == area or target == "__version__" or EVERYTHING in allowed:
        return True
    return any(target == name or target.startswith(name + ".") for name in allowed)


def crossings(area: str, package: str, source: str) -> list[str]:
    """What a source file imports of ours and may not."""
    found = []
    for line, name in imported(ast.parse(source), package):
        if name == "tidegate" or not name.startswith("tidegate."):
            continue
        target = name.removeprefix("tidegate.")
        hidden = target.split(".")[0] == "testing" and area not in USERS_OF_TESTING
        if hidden or not is_allowed(area, target):
            found.append(f"line {line}: {area} may not import {name}")
    return found


def area_of(path: Path) -> str:
    """The package, or top-level module, that a source file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def package_of(path: Path) -> str:
    """The dotted name of the package that a source file is in."""
    return ".".join(path.relative_to(ROOT / "src").parent.parts)


SOURCES = sorted(SOURCE.rglob("*.py"))


def test_every_package_has_its_line_in_the_table() -> None:
    assert sorted({area_of(path) for path in SOURCES} - set(ALLOWED)) == []


@pytest.mark.parametrize("area", sorted({area_of(path) for path in SOURCES}))
def test_imports_go_in_their_direction(area: str) -> None:
    found = [
        f"{path.relative_to(ROOT)} {crossing}"
        for path in SOURCES
        if area_of(path) == area and area in ALLOWED
        for crossing in crossings(area, package_of(path), path.read_text("utf-8"))
    ]
    assert found == []


def test_decisions_depend_on_nothing_outside_their_arguments() -> None:
    found = [
        f"{path.relative_to(ROOT)} line {line}: {name}: {BANNED_IN_DECISIONS[name.split('.')[0]]}"
        for path in SOURCES
        if area_of(path) in DECIDING
        for line, name in imported(ast.parse(path.read_text("utf-8")), package_of(path))
        if name.split(".")[0] in BANNED_IN_DECISIONS
    ]
    assert found == []


@pytest.mark.parametrize(
    ("area", "source"),
    [
        ("domain", "from tidegate.record import lines"),
        ("engine", "def later():\n    import tidegate.journal.sqlite"),
        ("engine", "from ..journal import protocol"),
        ("views", "from tidegate.journal.sqlite import SqliteJournal"),
        ("http", "from tidegate import journal"),
        ("desk", "from tidegate.testing import clock"),
        ("journal", "from tidegate.record.lines import LINE"),
    ],
)
def test_a_crossing_is_noticed(area: str, source: str) -> None:
    assert len(crossings(area, f"tidegate.{area}", source)) == 1


@pytest.mark.parametrize(
    ("area", "source"),
    [
        ("views", "from tidegate.journal.follow import Follower"),
        ("views", "from tidegate.journal import follow"),
        ("engine", "from . import tables"),
        ("cli", "import tidegate\nfrom tidegate import __version__"),
    ],
)
def test_what_is_allowed_passes(area: str, source: str) -> None:
    assert crossings(area, f"tidegate.{area}", source) == []
