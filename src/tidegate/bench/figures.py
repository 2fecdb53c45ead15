"""What a bench hands back: figures with units, and the context it ran in.

A figure always says which direction is better, so the best of several rounds is never a matter
of taste. Nothing here measures anything.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

HIGHER = "higher"
LOWER = "lower"
NEITHER = "neither"  # describes the run; the value of the best round's company is kept as is


class BenchSkipped(Exception):
    """This machine cannot run the bench; the message says why and what would help."""


@dataclass(frozen=True)
class Figure:
    """One number of one round, such as `postgres.c16.decisions_per_s`."""

    name: str
    value: float
    unit: str
    better: str = NEITHER


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
    foreign: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str, better: str = NEITHER) -> None:
        """Note one figure."""
        self.figures.append(Figure(name, value, unit, better))

    def value(self, name: str) -> float:
        """The figure of that name; KeyError when this round has none."""
        for figure in self.figures:
            if figure.name == name:
                return figure.value
        raise KeyError(name)


def best(rounds: Iterable[Round]) -> list[Figure]:
    """Of each figure the best value over the rounds; of those without a direction the last."""
    chosen: dict[str, Figure] = {}
    for one in rounds:
        for figure in one.figures:
            known = chosen.get(figure.name)
            if known is None or _improves(figure, known):
                chosen[figure.name] = figure
    return list(chosen.values())


def _improves(figure: Figure, known: Figure) -> bool:
    if figure.better == HIGHER:
        return figure.value > known.value
    if figure.better == LOWER:
        return figure.value < known.value
    return True
