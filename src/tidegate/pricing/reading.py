"""Promotions from the file that a person writes (YAML) and from the form that programs send (JSON).

Always everything that is wrong at once, each with its line. What comes out is the same `Promotion`
either way. Nothing here opens a file or knows a zone: text and zone come in as arguments.
"""

import json
import re
from collections.abc import Iterable, Iterator

import msgspec

from tidegate.domain.yaml_nodes import Node, YamlRefused, parse
from tidegate.pricing.book import PriceBook
from tidegate.pricing.fields import (
    COMMON_FIELDS,
    KIND_FIELDS,
    KIND_WORDS,
    REQUIRED,
    SEVERAL,
    SKU_FIELDS,
    Context,
    FieldUnclear,
    Table,
    text_of,
    word_of,
)
from tidegate.pricing.problems import Problem, PromotionsRefused
from tidegate.pricing.promotion import Promotion, Sku
from tidegate.pricing.words import FEN, YUAN, Unclear, Zone, fixed_zone, offset_min

Path = tuple[str | int, ...]
FILE_FIELDS = ("money_unit", "utc_offset", "skus", "promotions")
BOUNDS_MEND = "write a value within these bounds"


class PromotionFile(msgspec.Struct, frozen=True):
    """What a file says: promotions, the SKUs it brings along, and where everything stands."""

    promotions: tuple[Promotion, ...]
    skus: tuple[Sku, ...]
    lines: dict[str, dict[Path, int]]  # promotion code -> path -> line

    def placed(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """The problems with the line that each stands in."""
        return tuple(
            problem
            if problem.line
            else msgspec.structs.replace(
                problem, line=line_of(self.lines.get(problem.promotion, {}), problem.path)
            )
            for problem in problems
        )

    def compile(self, catalogue: Iterable[Sku] = (), version: int = 0) -> PriceBook:
        """The price book; the file's own SKUs stand in for those of the same code in `catalogue`.

        Raises PromotionsRefused, with lines.
        """
        skus = {sku.code: sku for sku in catalogue} | {sku.code: sku for sku in self.skus}
        try:
            return PriceBook(self.promotions, skus.values(), version)
        except PromotionsRefused as refused:
            raise PromotionsRefused(self.placed(refused.problems)) from None


def read_yaml(text: str, zone: Zone | None = None) -> PromotionFile:
    """Promotions from YAML. `zone` is the shop's, for times without an offset.

    Raises PromotionsRefused with every problem found. Not checked: whether they go together, and
    with the catalogue; `PromotionFile.compile` does.
    """
    try:
        root = parse(text)
    except YamlRefused as refused:
        raise PromotionsRefused(
            [Problem("", (), refused.why, refused.mend, refused.line)]
        ) from None
    reading = Reading()
    made = reading.file(root, zone)
    if reading.problems or made is None:
        raise PromotionsRefused(reading.problems)
    return made


def read_json(data: bytes) -> tuple[Promotion, ...]:
    """Promotions from JSON, a list. Raises PromotionsRefused at the first that is malformed."""
    try:
        found = msgspec.json.decode(data, type=tuple[Promotion, ...])
        json.loads(data, object_pairs_hook=refuse_twice, parse_int=str, parse_float=str)
        return found  # noqa: TRY300 -- both may refuse
    except msgspec.DecodeError as error:
        why, path = why_and_path(error)
        raise PromotionsRefused([Problem("", path, why, BOUNDS_MEND)]) from None


def refuse_twice(pairs: list[tuple[str, object]]) -> None:
    """Raise PromotionsRefused where a field stands twice: two readers would take one each."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            problem = Problem("", (name,), f"{name} stands twice", "keep one of them")
            raise PromotionsRefused([problem])
        seen.add(name)


class Reading:
    """One file on its way in; collects what is wrong."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, code: str, path: Path, line: int, why: str, mend: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(code, path, why, mend, line))

    def file(self, root: Node, zone: Zone | None) -> PromotionFile | None:
        """The whole file."""
        fields = root.fields
        if fields is None or "promotions" not in fields:
            self.refuse(
                "", (), root.line, "there are no promotions", "write promotions: and a list"
            )
            return None
        for name in fields:
            if name not in FILE_FIELDS:
                mend = f"one of {', '.join(FILE_FIELDS)}"
                self.refuse("", (name,), root.key_lines[name], f"unknown field {name!r}", mend)
        context = self.context(fields, zone)
        skus = self.skus(fields, context)
        promotions = []
        lines: dict[str, dict[Path, int]] = {}
        for node in self.listed(fields, "promotions"):
            promotion = self.promotion(node, context)
            if promotion is not None:
                promotions.append(promotion)
                lines[promotion.code] = dict(places(node))
        return PromotionFile(tuple(promotions), tuple(skus.values()), lines)

    def skus(self, fields: dict[str, Node], context: Context) -> dict[str, Sku]:
        """The SKUs that the file brings along, each once."""
        found: dict[str, Sku] = {}
        for node in self.listed(fields, "skus"):
            sku = self.sku(node, context)
            if sku is None:
                continue
            if sku.code in found:
                why, mend = f"SKU {sku.code} stands twice", "keep one row for each SKU"
                self.refuse("", ("skus", "code"), node.line, why, mend)
            found[sku.code] = sku
        return found

    def listed(self, fields: dict[str, Node], name: str) -> list[Node]:
        """The items under a field of the file."""
        node = fields.get(name)
        if node is None:
            return []
        if node.items is None:
            self.refuse("", (name,), node.line, "this is no list", "put a - before each item")
        return node.items or []

    def context(self, fields: dict[str, Node], zone: Zone | None) -> Context:
        """What the file says once for all."""
        unit = ""
        node = fields.get("money_unit")
        if node is not None:
            if node.text in YUAN or node.text in FEN:
                unit = str(node.text)
            else:
                self.refuse("", ("money_unit",), node.line, "unknown unit", "yuan or fen")
        node = fields.get("utc_offset")
        if node is not None:
            try:
                zone = fixed_zone(offset_min(node.text or ""))
            except Unclear as error:
                self.refuse("", ("utc_offset",), node.line, error.why, error.mend)
        return Context(unit, zone)

    def sku(self, node: Node, context: Context) -> Sku | None:
        """One SKU of the file."""
        values = self.values(node, SKU_FIELDS, context, "", ("code", "list_price"))
        if values is None:
            return None
        try:
            return msgspec.convert(values, Sku)
        except msgspec.ValidationError as error:
            why, path = why_and_path(error)
            self.refuse("", ("skus", *path), node.line, why, BOUNDS_MEND)
            return None

    def promotion(self, node: Node, context: Context) -> Promotion | None:
        """One promotion; None where something is wrong with it."""
        fields = node.fields or {}
        code = (fields["code"].text if "code" in fields else "") or ""
        kind = self.kind(node, code, context)
        if kind is None:
            return None
        table = COMMON_FIELDS | {"kind": ("kind", text_of)} | KIND_FIELDS[kind]
        values = self.values(node, table, context, code, REQUIRED)
        if values is None:
            return None
        own = {target for target, _ in KIND_FIELDS[kind].values()} - {SEVERAL}
        if kind == "every":
            own |= {"spend_fen", "pieces", "off_fen"}
        effect = {name: value for name, value in values.items() if name in own}
        common = {name: value for name, value in values.items() if name not in own}
        common["effect"] = effect | {"kind": kind}
        del common["kind"]
        try:
            return msgspec.convert(common, Promotion)
        except msgspec.ValidationError as error:
            why, path = why_and_path(error)
            self.refuse(code, path, line_of(dict(places(node)), path), why, BOUNDS_MEND)
            return None

    def kind(self, node: Node, code: str, context: Context) -> str | None:
        """The kind of a promotion, since it says which fields there may be."""
        if node.fields is None or "kind" not in node.fields:
            mend = f"write kind: and one of {', '.join(KIND_FIELDS)}"
            self.refuse(code, ("kind",), node.line, "the kind is missing", mend)
            return None
        kind = node.fields["kind"]
        try:
            return str(word_of(KIND_WORDS)(kind, context))
        except Unclear as error:
            self.refuse(code, ("kind",), kind.line, error.why, error.mend)
            return None

    def values(
        self, node: Node, table: Table, context: Context, code: str, required: tuple[str, ...]
    ) -> dict[str, object] | None:
        """The fields of a mapping by their struct's names; every problem of it is noted."""
        before = len(self.problems)
        fields = node.fields or {}
        for name in required:
            if name not in fields:
                self.refuse(code, (name,), node.line, f"{name} is missing", f"write {name}:")
        values: dict[str, object] = {}
        for name, value in fields.items():
            line = node.key_lines[name]
            if name not in table:
                mend = f"one of {', '.join(sorted(table))}"
                self.refuse(code, (name,), line, f"unknown field {name!r}", mend)
                continue
            target, read = table[name]
            try:
                content = read(value, context)
            except FieldUnclear as error:
                self.refuse(code, (name, *error.names), error.line, error.why, error.mend)
                continue
            except Unclear as error:
                self.refuse(code, (name,), value.line, error.why, error.mend)
                continue
            found = content if target == SEVERAL else {target: content}
            twice = sorted(set(found) & set(values))
            if twice:
                self.refuse(code, (name,), line, f"it says {twice[0]} again", "keep one of them")
            values.update(found)
        return values if len(self.problems) == before else None


def places(node: Node, path: Path = ()) -> Iterator[tuple[Path, int]]:
    """Every path below a node, with its line."""
    yield path, node.line
    for number, item in enumerate(node.items or ()):
        yield from places(item, (*path, number))
    for name, value in (node.fields or {}).items():
        yield from places(value, (*path, name))


# What a struct calls a field, where the file's name is not the same without its unit.
SAID_BY_A_DEAL = ("tiers", "off", "spend", "pieces")
FILE_NAMES = {"pay_bp": "discount", "shop_share_bp": "shop_share"}


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of a path, or of the nearest thing around it that stands in the file."""
    steps = path[1:] if path[:1] == ("effect",) else path
    named = tuple(FILE_NAMES.get(part, without_unit(part)) if isinstance(part, str) else part
                  for part in steps)  # fmt: skip
    if named and named[:1] not in lines and named[0] in SAID_BY_A_DEAL and ("deal",) in lines:
        return lines["deal",]
    while named not in lines and named:
        named = named[:-1]
    return lines.get(named, 0)


def without_unit(name: str) -> str:
    """A field's name without the unit behind it."""
    return re.sub(r"_(?:fen|ms|bp)$", "", name)


def why_and_path(error: msgspec.DecodeError) -> tuple[str, Path]:
    """The message of msgspec, and the place it names, as a path."""
    why, _, place = str(error).partition(" - at `$")
    parts = re.findall(r"\.(\w+)|\[(\d+)\]", place.rstrip("`"))
    return why, tuple(name or int(number) for name, number in parts)
