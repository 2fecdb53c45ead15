"""Places in a file of rules: `retention.days`, `methods[kind=face].hours`, `/minors.rules`.

Always: lists on the way are walked through, a step that is missing leads to nothing. Never: a value
is read as anything but the text that stands in the file.
"""

import re
from collections.abc import Iterator

from tidegate.domain.yaml_nodes import Node

STEP = re.compile(r"([a-z_]+)(?:\[([a-z_]+)(=|!=)([^\]]+)\])?")
BLANK = frozenset({"", "-", "?", "none", "n/a", "tbd", "todo", "无", "待定", "暂无", "~", "null"})


class BadPath(ValueError):
    """A pack names a place in a way that is not read."""


def check_path(path: str) -> None:
    """Raises BadPath for what `found` could not walk."""
    if path == ".":
        return
    for step in path.removeprefix("/").split("."):
        if not STEP.fullmatch(step):
            raise BadPath(f"{path}: {step!r} is no step")


def found(root: Node, item: Node, path: str) -> list[Node]:
    """The nodes at a path: from the root when it begins with `/`, else from the item (`.`)."""
    if path == ".":
        return [item]
    nodes = [root if path.startswith("/") else item]
    for step in path.removeprefix("/").split("."):
        match = STEP.fullmatch(step)
        assert match is not None, "packs are checked when they are read"
        name, key, sign, value = match.groups()
        nodes = [child for node in nodes for child in _children(node, name)]
        if key:
            nodes = [node for node in nodes if _chosen(node, key, value) == (sign == "=")]
    return nodes


def words(nodes: list[Node]) -> list[str]:
    """Every word at or below some nodes."""
    return [text for node in nodes for text in _words(node)]


def said(nodes: list[Node]) -> list[str]:
    """Every word that says something: a blank, a dash or "to be decided" does not."""
    return [text for text in words(nodes) if text.strip().lower() not in BLANK]


def elements(nodes: list[Node]) -> list[Node]:
    """Nodes with the elements of lists in the lists' place."""
    return [one for node in nodes for one in (node.items if node.items is not None else [node])]


def _children(node: Node, name: str) -> Iterator[Node]:
    for one in elements([node]):
        if one.fields is not None and name in one.fields:
            yield from elements([one.fields[name]])


def _chosen(node: Node, key: str, value: str) -> bool:
    if node.fields is None or key not in node.fields:
        return False
    return value in words([node.fields[key]])


def _words(node: Node) -> Iterator[str]:
    if node.text is not None:
        yield node.text
    for one in node.items or ():
        yield from _words(one)
    for one in (node.fields or {}).values():
        yield from _words(one)
