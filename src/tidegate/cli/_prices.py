"""Where a command has prices from: a promotion file, a catalogue file, or a shop's server.

Always read whole before anything is computed; what is malformed is told with its line and mend.
Nothing here changes a shop.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
import typer

from tidegate.cli._client import WrongUsage
from tidegate.cli._command import Caller
from tidegate.pricing.effects import MONEY_FEN_MAX
from tidegate.pricing.guard.floors import FloorPolicy, computed_floor_fen
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import Promotion, Sku, canonical
from tidegate.pricing.reading import PromotionFile, read_json, read_yaml
from tidegate.pricing.standing import Allowance, PricedSku, ShopPrices, with_bundles

FILE_BYTES_MAX = 8 << 20
PAGE = 1_000
MALFORMED_EXIT = 2
COLUMNS = ("code", "list_price_fen", "cost_fen", "red_line_fen", "categories")


class Malformed(Exception):
    """A file that cannot be used; the message has every place and mend."""


class malformed:  # noqa: N801  a context manager, written as a word
    """Turn a malformed file into its message and exit status 2."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        """Tell it."""
        if isinstance(error, Malformed):
            if self.caller.as_json:
                document = {"verdict": "malformed", "problems": str(error).splitlines()}
                typer.echo(json.dumps(document, ensure_ascii=False))
            typer.echo(f"malformed 格式有误:\n{error}", err=True)
            raise typer.Exit(MALFORMED_EXIT) from None


class Read(NamedTuple):
    """Promotions of a file, the SKUs that it brings, and how to place a problem."""

    promotions: tuple[Promotion, ...]
    skus: tuple[Sku, ...]
    file: PromotionFile | None


def promotions_in(path: Path) -> Read:
    """The promotions of a YAML file, or of a JSON one by its name. Raises Malformed."""
    text = text_of(path)
    try:
        if path.suffix == ".json":
            return Read(read_json(text.encode()), (), None)
        file = read_yaml(text)
    except PromotionsRefused as refused:
        raise Malformed(str(refused)) from None
    return Read(file.promotions, file.skus, file)


def text_of(path: Path) -> str:
    """A file's text, strictly UTF-8. Raises Malformed."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)  # of what has no size, such as a pipe, too
        if len(raw) > FILE_BYTES_MAX:
            raise Malformed(f"{path}: at most {FILE_BYTES_MAX >> 20} MiB")
        return raw.decode("utf-8")
    except OSError as error:
        raise Malformed(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    except UnicodeDecodeError:
        raise Malformed(f"{path}: not UTF-8; save it as UTF-8") from None


def priced_skus(skus: Sequence[Sku], policy: FloorPolicy) -> tuple[PricedSku, ...]:
    """SKUs of a file with their computed floors. Raises Malformed."""
    try:
        return tuple(
            PricedSku(
                sku.code,
                sku.list_price_fen,
                None if sku.cost_fen is None else computed_floor_fen(sku.cost_fen, policy),
                0,
                sku.categories,
            )
            for sku in skus
        )
    except ValueError as error:
        raise Malformed(str(error)) from None


def catalogue_in(path: Path, policy: FloorPolicy) -> tuple[PricedSku, ...]:
    """The SKUs of a catalogue: CSV with fen in its columns' names, or a promotion file's `skus`."""
    if path.suffix != ".csv":
        return priced_skus(promotions_in(path).skus, policy)
    found: dict[str, PricedSku] = {}
    reader = csv.reader(text_of(path).splitlines(), strict=True)
    try:
        header = next(reader, [])
        wrong = [name for name in header if name not in COLUMNS]
        if wrong or len(set(header)) < len(header):
            named = f"unknown column {wrong[0]!r}" if wrong else "a column stands twice"
            raise Malformed(f"{path}: {named}; one of {', '.join(COLUMNS)}")
        for cells in reader:
            sku = csv_sku(header, cells, policy)
            if found.setdefault(sku.code, sku) is not sku:
                raise Malformed(f"{path} line {reader.line_num}: SKU {sku.code} stands twice")
    except (csv.Error, ValueError) as error:
        raise Malformed(f"{path} line {reader.line_num}: {error}") from None
    return tuple(found.values())


def csv_sku(header: Sequence[str], cells: Sequence[str], policy: FloorPolicy) -> PricedSku:
    """One line of a catalogue. Raises ValueError."""
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} cells under {len(header)} columns")
    row = dict(zip(header, cells, strict=True))
    cost, red_line = row.get("cost_fen"), row.get("red_line_fen")
    fields = {
        "code": row.get("code", ""),
        "list_price_fen": whole_fen(row.get("list_price_fen", "")),
        "cost_fen": whole_fen(cost) if cost else None,
        "categories": [word for word in row.get("categories", "").split(";") if word],
    }
    sku = msgspec.convert(fields, Sku)  # every bound that a promotion file's SKUs have
    (priced,) = priced_skus((sku,), policy)
    return msgspec.structs.replace(priced, red_line_fen=whole_fen(red_line) if red_line else 0)


def whole_fen(text: str) -> int:
    """An amount in fen. Raises ValueError unless it is digits, within the bound of a price."""
    if not (text.isascii() and text.isdigit() and len(text) <= 13 and int(text) <= MONEY_FEN_MAX):
        raise ValueError(f"{text[:40]!r} is no whole number of fen, digits only")
    return int(text)


def prices_of_files(
    catalogue: Path | None, standing: Path | None, own: Sequence[Sku], policy: FloorPolicy
) -> ShopPrices:
    """The prices that files say stand. Where two of them name a SKU they must say the same.

    Raises Malformed.
    """
    skus: dict[str, PricedSku] = {}
    if catalogue is not None:
        add_skus(skus, catalogue_in(catalogue, policy))
    add_skus(skus, priced_skus(own, policy))
    documents: tuple[str, ...] = ()
    if standing is not None:
        there = promotions_in(standing)
        documents = tuple(canonical(one).decode() for one in there.promotions)
        add_skus(skus, priced_skus(there.skus, policy))
    return ShopPrices(0, tuple(skus.values()), documents)


def add_skus(skus: dict[str, PricedSku], more: Sequence[PricedSku]) -> None:
    """Add SKUs of another file. Raises Malformed: which of two costs is right nobody can say."""
    for sku in more:
        before = skus.setdefault(sku.code, sku)
        if msgspec.structs.replace(before, red_line_fen=sku.red_line_fen) != sku:
            raise Malformed(f"SKU {sku.code}: two files say different prices, costs or categories")


def prices_of_shop(caller: Caller) -> ShopPrices:
    """The prices that stand in a shop, as its server says. Reads only."""
    there = caller.get(caller.path("publications"))
    categories: dict[str, list[str]] = {}
    for group in pages(caller, "groups"):
        for sku in group["skus"]:
            categories.setdefault(sku, []).append(group["code"])
    rows = pages(caller, "skus")
    skus = tuple(
        PricedSku(
            sku["code"], sku["list_price_fen"], sku["cost_floor_fen"], sku["red_line_fen"],
            tuple(categories.get(sku["code"], ())),
        )
        for sku in rows
    )  # fmt: skip
    published = there["published"]
    return ShopPrices(
        version=there["pricing_version"],
        skus=with_bundles(skus, {sku["code"]: sku["parts"] for sku in rows}),
        documents=tuple(document_of(one["promotion"]) for one in published),
        paused=frozenset(one["code"] for one in published if one["phase"] == "paused"),
        allowances=allowances(caller, published),
    )


def document_of(promotion: Mapping[str, Any]) -> str:
    """A promotion as the server told it, in its canonical form."""
    return canonical(msgspec.convert(promotion, Promotion)).decode()


def allowances(caller: Caller, published: Sequence[Mapping[str, Any]]) -> tuple[Allowance, ...]:
    """How low two people let some SKUs go, where that still holds."""
    found = []
    for one in published:
        for code in one["exceptions"] if one["phase"] != "paused" else ():
            shown = caller.get(caller.path("exceptions", code))
            if shown["on"]:
                found += [Allowance(one["code"], sku, shown["floor_fen"]) for sku in shown["skus"]]
    return tuple(found)


def pages(caller: Caller, table: str) -> list[dict[str, Any]]:
    """Everything of a table, page by page."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        query = urlencode({"limit": PAGE, **({"after": after} if after else {})})
        page = caller.get(f"{caller.path(table)}?{query}")
        found += page["items"]
        after = page["next"]
        if not after:
            return found


def need_one(catalogue: Path | None, shop: str, own: Sequence[Sku]) -> None:
    """Raise WrongUsage unless it is clear where prices come from."""
    if catalogue is not None and shop:
        raise WrongUsage("--catalogue or --shop, not both")
    if catalogue is None and not shop and not own:
        raise WrongUsage("which prices? Write skus: into the file, or give --catalogue or --shop")
