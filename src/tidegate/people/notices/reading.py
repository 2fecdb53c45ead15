"""Notices as people write them: YAML or JSON, read strictly.

A name that is not known, a value that is out of bounds or a key that stands twice is refused with
its place. This module never fills in what a person left out.
"""

from importlib import resources
from typing import Any

import msgspec
import yaml

from tidegate.people.notices.document import Notice

NOTICE_BYTES_MAX = 262_144


class NoticeUnreadable(ValueError):
    """The file is no notice; the message names the place."""


def read_notice(text: str) -> Notice:
    """A notice from YAML (JSON is YAML too). Raises NoticeUnreadable."""
    if len(text.encode("utf-8", "replace")) > NOTICE_BYTES_MAX:
        raise NoticeUnreadable(f"a notice has at most {NOTICE_BYTES_MAX} bytes")
    try:
        _require_single_keys(yaml.compose(text, yaml.SafeLoader))
        return msgspec.convert(yaml.safe_load(text), Notice)
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError) as error:
        raise NoticeUnreadable(str(error)) from None


def _require_single_keys(node: Any) -> None:  # noqa: ANN401  PyYAML has no types
    if isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            _require_single_keys(inner)
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, inner in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise NoticeUnreadable(f"line {line}: {key.value} stands twice")
            seen.add(key.value)
            _require_single_keys(inner)


def example_text() -> str:
    """A complete notice of a small shop, with comments."""
    found = resources.files("tidegate.people").joinpath("packs", "example-notice.yaml")
    return found.read_text("utf-8")
