"""The numbers, categories and citations that notices, consents and the gate take from the law.

Everything comes from a dated file in `packs/` that cites its source and says what is verified, so
that a change of the law is a change of data.
This module never has a number or an article of its own.
"""

from functools import lru_cache
from importlib import resources
from typing import Any

import msgspec
import yaml

PACK = "gate-cn"
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Number(msgspec.Struct, frozen=True):
    """One number of the law, its article, and whether somebody read it there."""

    value: int
    article: str
    verified: bool


class Category(msgspec.Struct, frozen=True):
    """One kind of personal field."""

    sensitive: bool
    article: str = ""


class Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the comments in the file."""

    pack: str
    date: str
    region: str
    numbers: dict[str, Number]
    categories: dict[str, Category]
    rights: list[str]
    bases: dict[str, str]
    reasons: dict[str, str]
    refusals: dict[str, str]

    @property
    def name(self) -> str:
        """How evidence names it: pack and date."""
        return f"{self.pack}@{self.date}"

    def number(self, name: str) -> int:
        """A number by its name; a name that is not there is a bug."""
        return self.numbers[name].value

    def is_sensitive(self, category: str) -> bool:
        """Whether a category is sensitive personal information; unknown ones count as such."""
        found = self.categories.get(category)
        return found is None or found.sensitive


@lru_cache(maxsize=4)
def load_pack(name: str = PACK) -> Pack:
    """Read a pack of this release. Raises what reading raises."""
    text = resources.files("tidegate.people").joinpath("packs", f"{name}.yaml").read_text("utf-8")
    plain: Any = yaml.safe_load(text)
    return msgspec.convert(plain, Pack)
