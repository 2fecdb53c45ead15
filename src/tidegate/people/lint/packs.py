"""Policy packs as they are read: one law or regulation a file, dated and cited.

Always: a pack says when it was in force, where its text was read and what nobody has compared with
the official text yet. Never: a rule without an article, a quotation and a mend in both languages.
"""

import datetime as dt
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

import msgspec
import yaml

Level = Literal["block", "warn", "ask"]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same in both languages."""

    zh: str
    en: str


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule: for each item at `each` that `when` describes, everything in `must` holds.

    An `ask` rule has no `must`: what it describes is for a person to judge, and `say` is the
    question. `judged`: where the person's answer stands; with it there is nothing left to ask.
    """

    id: str
    level: Level
    article: str
    quote: str
    say: Words
    mend: Words
    each: str = ""
    when: list[dict[str, Any]] = []
    must: list[dict[str, Any]] = []
    judged: str = ""
    verified: bool | None = None  # the pack's, where it is not said


class LawPack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One law."""

    pack: str
    law: Words
    region: str
    in_force: dt.date
    read: dt.date
    source: str
    verified: bool
    rules: list[Rule]

    def is_verified(self, rule: Rule) -> bool:
        """Whether the article was read in a copy of the law."""
        return self.verified if rule.verified is None else rule.verified


@lru_cache(maxsize=1)
def law_packs() -> tuple[LawPack, ...]:
    """Every pack of this release, by name. Raises what a broken pack raises."""
    folder = resources.files("tidegate.people").joinpath("packs")
    names = sorted(one.name for one in folder.iterdir() if one.name.startswith("lint-"))
    return tuple(read_pack(folder.joinpath(name).read_text("utf-8")) for name in names)


def read_pack(text: str) -> LawPack:
    """A pack. Raises msgspec.ValidationError or yaml.YAMLError."""
    plain: Any = yaml.safe_load(text)
    return msgspec.convert(plain, LawPack)
