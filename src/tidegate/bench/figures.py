"""What a bench hands back: figures with units, and the context it ran in.

Figures of one part of a bench share the name up to the last dot (`postgres.c16.decisions_per_s`,
`postgres.c16.p99_ms`) and are only ever quoted from one and the same round: the one in which the
part's first figure was best. Nothing here measures anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HIGHER = "higher"
LOWER = "lower"
NEITHER = "neither"  # describes the run


class BenchSkipped(Exception):
    """This machine cannot run the bench; the message says why and what would help."""


@dataclass(frozen=True)
class Figure:
    """One number of one round."""

    name: str
    value: float
    unit: str
    better: str = NEITHER

    @property
    def part(self) -> str:
        """The part of the bench it belongs to."""
        return self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Context:
    """What a bench may use: how long, where, how much, and whom to tell how far it is."""

    seconds: float  # to measure for, in each part of the bench
    folder: Path  # empty, on the disk that is to be measured; removed afterwards
    seed: int
    quick: bool
    progress: Callable[[float, str], None]  # 0..1 of this round, and what is happening


@dataclass
class Round:
    """Figures and remarks of one round of one bench, with who else used the processor."""

    figures: list[Figure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    foreign: dict[str, float] = field(default_factory=dict)  # part -> share of all cores
    beside: dict[str, float] = field(default_factory=dict)  # raw disk and echo of the same minute

    def add(self, name: str, value: float, unit: str, better: str = NEITHER) -> None:
        """Note one figure."""
        self.figures.append(Figure(name, float(value), unit, better))

    def value(self, name: str) -> float:
        """The figure of that name; KeyError when this round has none."""
        for figure in self.figures:
            if figure.name == name:
                return figure.value
        raise KeyError(name)

    def as_json(self) -> dict[str, Any]:
        """As it goes into the report and over the pipe from the round's process."""
        return {
            "figures": [dict(figure.__dict__) for figure in self.figures],
            "remarks": self.remarks,
            "foreign": self.foreign,
            "beside": self.beside,
        }


def round_from_json(made: dict[str, Any]) -> Round:
    """The round that `as_json` wrote."""
    return Round(
        figures=[Figure(**figure) for figure in made["figures"]],
        remarks=list(made["remarks"]),
        foreign=dict(made["foreign"]),
        beside=dict(made["beside"]),
    )


@dataclass(frozen=True)
class Best:
    """The figures of one part from its best round."""

    part: str
    round_number: int  # from 0
    figures: tuple[Figure, ...]
    foreign: float | None


def best(rounds: Sequence[Round]) -> list[Best]:
    """For each part, in order of appearance, its figures from its best round."""
    parts: dict[str, list[tuple[int, list[Figure]]]] = {}
    for number, one in enumerate(rounds):
        for figure in one.figures:
            entries = parts.setdefault(figure.part, [])
            if not entries or entries[-1][0] != number:
                entries.append((number, []))
            entries[-1][1].append(figure)
    found = []
    for part, entries in parts.items():
        number, figures = max(entries, key=lambda entry: _merit(entry[1][0]))
        found.append(Best(part, number, tuple(figures), rounds[number].foreign.get(part)))
    return found


def _merit(headline: Figure) -> float:
    return -headline.value if headline.better == LOWER else headline.value
