"""YAML as a tree of text with line numbers, and nothing else of YAML.

Always bounded: text, depth, nodes, length of a word. Every scalar stays the text that a person
wrote, so no number ever passes through floating point and `no` is a word. Aliases, anchors, tags, a
key that stands twice and a second document are refused: no short text stands for a long one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

TEXT_MAX = 4 << 20
DEPTH_MAX = 12
NODES_MAX = 500_000
WORD_MAX = 1_000
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlRefused(ValueError):
    """A text that is no YAML of the plain kind that is read here."""

    def __init__(self, line: int, why: str, mend: str) -> None:
        self.line, self.why, self.mend = line, why, mend
        super().__init__(f"line {line}: {why}; {mend}")


@dataclass
class Node:
    """A piece of the file: a word, a list or a mapping."""

    line: int
    text: str | None = None
    items: "list[Node] | None" = None
    fields: "dict[str, Node] | None" = None
    key_lines: dict[str, int] = field(default_factory=dict)


def parse(text: str) -> Node:
    """The one document of a text. Raises YamlRefused."""
    if len(text) > TEXT_MAX:
        raise YamlRefused(0, f"the text has over {TEXT_MAX} characters", "split the file")
    builder = Builder(yaml.parse(text, Loader=LOADER))
    try:
        return builder.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 0
        raise YamlRefused(line, f"not YAML: {error.problem}", "check indent and quotes") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise YamlRefused(0, f"not YAML: {error}", "save it as plain UTF-8 text") from None


class Builder:
    """Makes nodes from the parser's events."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._count = 0

    def document(self) -> Node:
        """The content of the one document."""
        event = next(self._events)
        while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise YamlRefused(0, "the file is empty", "write key: value")
        node = self._node(event, 0)
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                line = event.start_mark.line + 1
                raise YamlRefused(line, "a second document", "keep one document in a file")
        return node

    def _node(self, event: yaml.Event, depth: int) -> Node:
        line = event.start_mark.line + 1
        self._count += 1
        if self._count > NODES_MAX or depth > DEPTH_MAX:
            raise YamlRefused(line, "too much, or too deep", "split the file, or flatten it")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise YamlRefused(line, "anchors and aliases are not read", "write the value out")
        if getattr(event, "tag", None) not in (None, "!"):
            raise YamlRefused(line, "tags are not read", "remove the tag")
        if isinstance(event, yaml.ScalarEvent):
            if len(event.value) > WORD_MAX:
                raise YamlRefused(line, f"a word of over {WORD_MAX} characters", "shorten it")
            return Node(line, text=event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(line, items=self._items(depth))
        return self._mapping(line, depth)

    def _items(self, depth: int) -> list[Node]:
        items = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return items

    def _mapping(self, line: int, depth: int) -> Node:
        node = Node(line, fields={})
        assert node.fields is not None
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if key.text is None:
                raise YamlRefused(key.line, "a key must be a word", "write name: value")
            if key.text in node.fields:
                raise YamlRefused(key.line, f"{key.text} stands twice", "keep one of them")
            node.fields[key.text] = self._node(next(self._events), depth + 1)
            node.key_lines[key.text] = key.line
        return node
