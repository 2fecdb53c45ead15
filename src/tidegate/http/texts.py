"""The texts inside a decoded body: which of them are ids, which are notes, and that both are clean.

Goes by the fields' names, the same in every body. Never looks at a buyer: those values are
exchanged for tokens and are meant to be personal.
"""

import msgspec

from tidegate.http.ids import check_id, check_note

_ONE = frozenset((
    "id", "code", "sku", "pool", "from_pool", "to_pool", "target", "channel", "promotion",
    "exception", "zone_code",
))  # fmt: skip
_MANY = frozenset(("skus", "exempt", "parts"))
_FREE = frozenset(("note",))


def check_texts(body: object) -> None:
    """Raise Problem for an id or note that may not be recorded."""
    if not isinstance(body, msgspec.Struct):
        return
    for name in body.__struct_fields__:
        value = getattr(body, name)
        if not value or isinstance(value, msgspec.Struct):
            continue  # a part has a check of its own
        if name in _ONE:
            check_id(value, name)
        elif name in _FREE:
            check_note(value, name)
        elif name in _MANY:
            for text in value:
                check_id(text, name)
