"""Which column of a file has which role: by a known profile, or by the merchant's mapping file.

A column that is needed and not there is refused with the names that would have been taken and the
nearest ones the file has. Two columns are never silently merged into one role.
"""

import difflib
import json
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from tidegate.imports.refusal import ImportRefused
from tidegate.imports.roles import REFUSE, WRITE_OFF, Meaning, Profile

MAPPING_BYTES_MAX = 1 << 20
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class ColumnMap:
    """The columns found, by role, as indexes into the header."""

    profile: str
    columns: dict[str, int]
    header: tuple[str, ...]
    meaning: Meaning

    def shown(self) -> list[tuple[str, str]]:
        """(role, the file's own column name), in the order of the file."""
        return [(role, self.header[i]) for role, i in sorted(self.columns.items(), key=_by_index)]


def _by_index(item: tuple[str, int]) -> int:
    return item[1]


def folded_name(name: str) -> str:
    """A column name without width, case, spaces, underscores and export quoting."""
    text = unicodedata.normalize("NFKC", name).replace(_BYTE_ORDER_MARK, "").strip()
    text = text.removeprefix("=").strip("\"'").casefold()
    return "".join(char for char in text if char not in " _-\t")


def map_columns(header: Sequence[str], profiles: Sequence[Profile]) -> ColumnMap:
    """The first profile whose required roles the header has. Raises ImportRefused with candidates.

    Raises also where two columns of the file bear the name that a role would take.
    """
    index = _index_of(header)
    found = [(profile, _match(profile, index)) for profile in profiles]
    for profile, columns in found:
        if not _missing(profile, columns):
            _refuse_twice(header, columns)
            return ColumnMap(profile.name, columns, tuple(header), profile.meaning)
    nearest, columns = min(found, key=lambda pair: len(_missing(*pair)))
    raise ImportRefused(_missing_text(header, nearest, columns))


def map_by_file(
    header: Sequence[str], mapping: Mapping[str, Any], profiles: Sequence[Profile]
) -> ColumnMap:
    """Columns by a merchant's mapping. Raises ImportRefused on unknown roles or columns."""
    required = profiles[-1].required
    known = {role for profile in profiles for role in profile.columns}
    index = _index_of(header)
    columns: dict[str, int] = {}
    for role, name in _named_columns(mapping, known).items():
        if folded_name(name) not in index:
            near = difflib.get_close_matches(name, header, n=3, cutoff=0.4) or list(header)
            raise ImportRefused(
                f"the mapping takes {role!r} from column {name!r}, which the file does not have; "
                f"it has: {', '.join(near)}"
            )
        columns[role] = index[folded_name(name)]
    missing = [group for group in required if not any(role in columns for role in group)]
    if missing:
        wanted = "; ".join(" or ".join(group) for group in missing)
        raise ImportRefused(f"the mapping names no column for: {wanted}")
    _refuse_twice(header, columns)
    return ColumnMap("mapping file", columns, tuple(header), _meaning(mapping.get("meaning", {})))


def load_mapping(path: Path) -> dict[str, Any]:
    """Read a mapping file, TOML or JSON by its ending. Raises ImportRefused."""
    try:
        if path.stat().st_size > MAPPING_BYTES_MAX:
            raise ImportRefused(f"the mapping file {path} is larger than {MAPPING_BYTES_MAX} bytes")
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ImportRefused(f"the mapping file {path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # both decoders' errors, and bad UTF-8
        raise ImportRefused(f"the mapping file {path} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise ImportRefused(f"the mapping file {path} must have a [columns] table")
    return content


def _named_columns(mapping: Mapping[str, Any], known: set[str]) -> dict[str, str]:
    columns = mapping.get("columns")
    if not isinstance(columns, dict) or not columns:
        raise ImportRefused('the mapping file needs a [columns] table: role = "column name"')
    for role, name in columns.items():
        if role not in known:
            near = difflib.get_close_matches(role, sorted(known), n=3, cutoff=0.5) or sorted(known)
            raise ImportRefused(f"the mapping's role {role!r} is unknown; known: {', '.join(near)}")
        if not isinstance(name, str):
            raise ImportRefused(f"the mapping's column for {role!r} must be a text")
    return columns


def _meaning(given: object) -> Meaning:
    known = {item.name: item for item in fields(Meaning)}
    if not isinstance(given, dict):
        raise ImportRefused("the mapping's [meaning] must be a table")
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ImportRefused(f"[meaning] has {unknown[0]!r}; known: {', '.join(sorted(known))}")
    defaults = Meaning()
    values: dict[str, Any] = {}
    for key, value in given.items():
        values[key] = tuple(value) if isinstance(value, list) else value
        wanted = type(getattr(defaults, key))
        if type(values[key]) is not wanted:
            raise ImportRefused(f"[meaning] {key} must be a {wanted.__name__}")
    meaning = replace(defaults, **values)
    if meaning.negative_quantity not in (REFUSE, WRITE_OFF):
        raise ImportRefused(f"[meaning] negative_quantity is {REFUSE!r} or {WRITE_OFF!r}")
    if meaning.date_order not in ("", "ymd", "dmy", "mdy"):
        raise ImportRefused("[meaning] date_order is 'dmy' or 'mdy'")
    if meaning.decimal_mark not in ("", ".", ","):
        raise ImportRefused("[meaning] decimal_mark is '.' or ','")
    return meaning


def _index_of(header: Sequence[str]) -> dict[str, int]:
    index: dict[str, int] = {}
    for position, name in enumerate(header):
        index.setdefault(folded_name(name), position)
    return index


def _match(profile: Profile, index: Mapping[str, int]) -> dict[str, int]:
    columns: dict[str, int] = {}
    for role, names in profile.columns.items():
        for name in names:
            position = index.get(folded_name(name))
            if position is not None and position not in columns.values():
                columns[role] = position
                break
    return columns


def _missing(profile: Profile, columns: Mapping[str, int]) -> list[tuple[str, ...]]:
    return [group for group in profile.required if not any(role in columns for role in group)]


def _refuse_twice(header: Sequence[str], columns: Mapping[str, int]) -> None:
    names = [folded_name(name) for name in header]
    for role, position in columns.items():
        if names.count(names[position]) > 1:
            raise ImportRefused(
                f"the file has the column {header[position]!r} more than once; which one is the "
                f"{role}? Rename one of them."
            )


def _missing_text(header: Sequence[str], profile: Profile, columns: Mapping[str, int]) -> str:
    lines = []
    unused = [name for position, name in enumerate(header) if position not in columns.values()]
    for group in _missing(profile, columns):
        names = [name for role in group for name in profile.columns[role]]
        wanted = {folded_name(name) for name in names}
        near = [
            name
            for name in unused
            if difflib.get_close_matches(folded_name(name), wanted, n=1, cutoff=0.7)
        ]
        hint = f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
        lines.append(f"  {' or '.join(group)}: one of {', '.join(names)}{hint}")
    return (
        f"columns are missing (nearest known form: {profile.name}):\n"
        + "\n".join(lines)
        + f"\nThe file has: {', '.join(header)}\nName them in a mapping file with --mapping."
    )
