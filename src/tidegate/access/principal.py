"""Who is asking: a person or a machine behind one key, and what that key lets them do.

`may` is the only question, and anything it was not told about is no.
This module never looks anything up: a principal is what was true when its key was read.
"""

from dataclasses import dataclass

from tidegate.access.roles import Role

EVERYWHERE = None  # a shop or channel set that leaves nothing out


@dataclass(frozen=True, slots=True)
class Principal:
    """One key's owner and rights. `person_token` is the only name a journal gets to see."""

    person_token: int
    is_person: bool
    roles: Role
    scopes: frozenset[str]  # the key's scopes that the owner's roles (or machine limits) cover
    shop_set: frozenset[str] | None
    channel_set: frozenset[str] | None
    key_id: str
    is_active: bool = True

    def may(self, scope: str, shop: str, channel: str | None = None) -> bool:
        """True if the key covers this scope for this shop and channel.

        No channel means the shop as a whole: a key that is bound to channels may not act there.
        """
        return (
            scope in self.scopes
            and (self.shop_set is None or shop in self.shop_set)
            and (self.channel_set is None or channel in self.channel_set)
            and self.is_active
        )
