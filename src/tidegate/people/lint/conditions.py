"""The conditions that packs are written in: small, total, and checked when a pack is read.

Always: a condition on something that is not there is false, so that a rule which demands it finds
its absence; only `lacks`, `none`, `within` and `at_most_of` hold for nothing. Never: a condition
raises on what a merchant wrote.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tidegate.domain.yaml_nodes import Node
from tidegate.people.lint.paths import check_path, elements, found, said, words


class Scene(NamedTuple):
    """What a condition looks at: the file, one item of it, and the day of the check."""

    root: Node
    item: Node
    on: dt.date

    def nodes(self, path: str) -> list[Node]:
        """The nodes at a path."""
        return found(self.root, self.item, path)


Test = Callable[[Scene], bool]


class BadCondition(ValueError):
    """A pack has a condition that nobody knows."""


def test_of(condition: Mapping[str, Any]) -> Test:
    """A condition, ready to ask. Raises BadCondition or BadPath."""
    if len(condition) != 1:
        raise BadCondition(f"one word a condition: {sorted(condition)}")
    ((word, content),) = condition.items()
    if word in ("has", "lacks"):
        check_path(content)
        return _has(content, wanted=word == "has")
    if word in ("any_of", "all_of"):
        tests = [test_of(one) for one in content]
        several = any if word == "any_of" else all
        return lambda scene: several(test(scene) for test in tests)
    if word == "not":
        test = test_of(content)
        return lambda scene: not test(scene)
    if word not in _PAIRS or len(content) != 1:
        raise BadCondition(f"{word} is no condition, or does not name one place")
    ((path, value),) = content.items()
    check_path(path)
    return _PAIRS[word](path, value)


def _has(path: str, *, wanted: bool) -> Test:
    return lambda scene: bool(said(scene.nodes(path))) == wanted


def _listed(value: Any) -> frozenset[str]:  # noqa: ANN401 -- as a pack has it
    return frozenset(str(one) for one in (value if isinstance(value, Sequence | set)
                                          and not isinstance(value, str) else [value]))  # fmt: skip


def _all_in(path: str, value: Any) -> Test:  # noqa: ANN401 -- as a pack has it
    allowed = _listed(value)

    def test(scene: Scene) -> bool:
        have = words(scene.nodes(path))
        return bool(have) and allowed.issuperset(have)

    return test


def _some_in(path: str, value: Any) -> Test:  # noqa: ANN401 -- as a pack has it
    wanted = _listed(value)
    return lambda scene: not wanted.isdisjoint(words(scene.nodes(path)))


def _none_in(path: str, value: Any) -> Test:  # noqa: ANN401 -- as a pack has it
    banned = _listed(value)
    return lambda scene: banned.isdisjoint(words(scene.nodes(path)))


def _covers(path: str, value: Any) -> Test:  # noqa: ANN401 -- as a pack has it
    needed = _listed(value)
    return lambda scene: needed.issubset(words(scene.nodes(path)))


def _number(path: str, value: Any, *, at_most: bool) -> Test:  # noqa: ANN401 -- as a pack has it
    bound = int(value)

    def test(scene: Scene) -> bool:
        have = _numbers(words(scene.nodes(path)))
        return bool(have) and all(one <= bound if at_most else one >= bound for one in have)

    return test


def _numbers(texts: list[str]) -> list[float]:
    """Whole numbers; what is none counts as further away than any bound."""
    return [int(one) if re.fullmatch(r"-?\d{1,15}", one) else float("nan") for one in texts]


def _at_most_of(path: str, value: Any) -> Test:  # noqa: ANN401 -- as a pack has it
    other, times = (value, 1) if isinstance(value, str) else (value[0], int(value[1]))
    check_path(other)

    def test(scene: Scene) -> bool:
        have, bounds = (_numbers(words(scene.nodes(one))) for one in (path, other))
        return not have or not bounds or all(one <= times * max(bounds) for one in have)

    return test


def _count(path: str, value: Any) -> Test:  # noqa: ANN401 -- as a pack has it
    return lambda scene: len(elements(scene.nodes(path))) <= int(value)


def _says(path: str, value: Any) -> Test:  # noqa: ANN401 -- as a pack has it
    patterns = [re.compile(one, re.IGNORECASE) for one in value]
    return lambda scene: any(
        pattern.search(text) for text in words(scene.nodes(path)) for pattern in patterns
    )


def _within(path: str, value: Any) -> Test:  # noqa: ANN401 -- as a pack has it
    check_path(value)
    return lambda scene: set(said(scene.nodes(path))) <= set(words(scene.nodes(value)))


def _fresh(path: str, value: Any) -> Test:  # noqa: ANN401 -- as a pack has it
    days = int(value)

    def test(scene: Scene) -> bool:
        dates = [_date(text) for text in words(scene.nodes(path))]
        return bool(dates) and all(
            one is not None and 0 <= (scene.on - one).days <= days for one in dates
        )

    return test


def _not_before(path: str, value: Any) -> Test:  # noqa: ANN401 -- as a pack has it
    check_path(value)

    def test(scene: Scene) -> bool:
        dates, others = ([_date(text) for text in words(scene.nodes(one))] for one in (path, value))
        if not others:
            return True
        return bool(dates) and all(
            one is not None and other is not None and one >= other
            for one in dates
            for other in others
        )

    return test


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        return None


_PAIRS: dict[str, Callable[[str, Any], Test]] = {
    "is": _all_in,  # there, and every word of it is one of these
    "some": _some_in,
    "none": _none_in,
    "covers": _covers,
    "at_most": lambda path, value: _number(path, value, at_most=True),
    "at_least": lambda path, value: _number(path, value, at_most=False),
    "at_most_of": _at_most_of,  # another place, or [another place, times]
    "count_at_most": _count,
    "says": _says,  # one of these patterns
    "within": _within,  # every word of it stands at another place too
    "fresh_days": _fresh,  # a date, not older and not in the future
    "not_before": _not_before,  # a date, not before the one at another place
}
