"""`NAME=NUMBER` as it is written on the command line, several times in one option."""

from collections.abc import Iterable

from tidegate.cli._client import WrongUsage


def counts_by_code(texts: Iterable[str], option: str) -> dict[str, int]:
    """`A=2` as {"A": 2}. Raises WrongUsage for anything else, and for a name given twice."""
    found: dict[str, int] = {}
    for text in texts:
        name, equals, number = text.rpartition("=")
        if not (name and equals and number.isascii() and number.isdigit()):
            raise WrongUsage(f"{option}: write NAME=NUMBER, for example A=2")
        if name in found:
            raise WrongUsage(f"{option}: {name} is given twice")
        found[name] = int(number)
    return found
