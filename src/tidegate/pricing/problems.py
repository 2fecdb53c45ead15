"""What is wrong with a set of promotions: where, why, and how to mend it.

Always all of it at once, in the order of the promotions given. A problem is for a person to read
and for a program to place: `path` names the field. Nothing here decides what is wrong.
"""

from collections.abc import Iterable, Sequence

import msgspec

SHOWN_MAX = 20


class Problem(msgspec.Struct, frozen=True):
    """One thing that must be mended before the promotions can be used."""

    promotion: str  # its code; empty for the catalogue or the file as a whole
    path: tuple[str | int, ...]  # from the promotion on: ("effect", "tiers", 1)
    why: str
    mend: str
    line: int = 0  # of the file it was read from; 0 = not from a file

    def __str__(self) -> str:
        """The problem as one line of text."""
        place = ".".join(str(part) for part in self.path)
        where = " ".join(part for part in (self.promotion, place) if part)
        line = f"line {self.line}: " if self.line else ""
        return f"{line}{where + ': ' if where else ''}{self.why}; {self.mend}"


class PromotionsRefused(ValueError):
    """Promotions that cannot be used as they are."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        shown = [str(problem) for problem in self.problems[:SHOWN_MAX]]
        if len(self.problems) > SHOWN_MAX:
            shown.append(f"and {len(self.problems) - SHOWN_MAX} more")
        super().__init__("\n".join(shown))


def listed(codes: Sequence[str]) -> str:
    """The first three of some codes, and how many more there are."""
    more = f" and {len(codes) - 3} more" if len(codes) > 3 else ""
    return ", ".join(codes[:3]) + more


def fen_text(amount_fen: int) -> str:
    """An amount as yuan with two places, without floating point."""
    sign = "-" if amount_fen < 0 else ""
    return f"{sign}{abs(amount_fen) // 100}.{abs(amount_fen) % 100:02d}"
