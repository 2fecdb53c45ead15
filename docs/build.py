"""Writes the reference pages from the code, so that they cannot say anything else than the code.

    python docs/build.py            write docs/reference/
    python docs/build.py --check    name the pages that differ, and exit with 1

Always the same text for the same code: no date, no machine, no width of a terminal. Never edits a
page that a person writes; every page it makes says so in its first line.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer.main
from typer._click import Command, Context  # typer publishes no name for what it hands us
from typer.core import TyperGroup

from tidegate.channels.capabilities import TOPICS, cells
from tidegate.channels.capability_cells import TABLE
from tidegate.cli.main import app
from tidegate.domain.reasons import REASON_TEXTS, Reason

REFERENCE = Path(__file__).resolve().parent / "reference"
MADE = "<!-- Made by docs/build.py from {source}; change it there. -->\n"
METHODS = ("get", "put", "post", "patch", "delete")

REASON_GROUPS = (
    (0, "Orders", "In the order in which the guards look: an order gets the first that applies."),
    (32, "Operations on an order", "Payment, cancellation, shipment, return, release, hold."),
    (64, "Commands of operators", "Catalogue, stock, rules, pools, approvals, time."),
)
REASONS_HEAD = """# Reasons

Every decision carries one of these. Numbers are permanent: a number never changes its meaning and
is never given to another reason, so a journal of any age reads the same. A marketplace's order is
not refused: the same reasons stand in its judgement, and it is held until they are settled.

*New id?* says whether the same wish may be sent again under a new id and could then be accepted.
Under the same id the answer never changes.
"""
CLI_HEAD = """# Commands

`./tidegate NAME` in a checkout, `tidegate NAME` where it is installed as a package. Besides these,
`./tidegate test` runs the tests (CONTRIBUTING.md).
"""
HTTP_HEAD = """# HTTP

Every route, from the OpenAPI document that the server itself gives at `/openapi.json`. Errors are
`application/problem+json` (RFC 9457) on every route.
"""
CHANNELS_HEAD = """# What channels can do

What code may ask of each kind of channel. Marks: **V** read in a stored copy of a primary
document; **V-** in a third party's copy only; **K** trade knowledge, to be verified; **own** ours.
An empty cell is unknown: code then takes the safe way (read back and set instead of adding; ready
for a refusal; units that came back are not offered twice; the seller closes nothing).
"""


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in [head, *rows]
    ]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines) + "\n"


def reasons_page() -> str:
    """Every reason with its number, its words in both languages and whether a new id may help."""
    parts = [MADE.format(source="tidegate.domain.reasons"), REASONS_HEAD]
    bounds = [*(first for first, _, _ in REASON_GROUPS), 256]
    for (first, title, words), end in zip(REASON_GROUPS, bounds[1:], strict=True):
        rows = []
        for reason in Reason:
            if first <= reason < end:
                text = REASON_TEXTS[reason]
                again = "yes" if text.retry_with_new_id else "no"
                rows.append((str(int(reason)), f"`{text.name}`", text.english, text.chinese, again))
        parts.append(f"\n## {title}\n\n{words}\n\n")
        parts.append(table(("number", "name", "means", "中文", "new id?"), rows))
    return "".join(parts)


def commands(command: Command, context: Context) -> Iterator[tuple[Command, Context]]:
    """Every command below a group, depth first, each with the context that knows its full name."""
    if not isinstance(command, TyperGroup):
        yield command, context
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None and not child.hidden:
            yield from commands(child, Context(child, info_name=name, parent=context))


def command_section(command: Command, context: Context) -> str:
    """One command: its usage line, what it does, its arguments and options."""
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    records = [
        record
        for param in command.params
        if (record := param.get_help_record(context)) and param.name != "help"
    ]
    text = f"\n## {context.command_path}\n\n```\n{usage}\n```\n\n{(command.help or '').strip()}\n"
    if records:
        rows = [(f"`{name.strip()}`", " ".join(meaning.split())) for name, meaning in records]
        text += "\n" + table(("", "means"), rows)
    return text


def cli_page() -> str:
    """Every command of the command line with its options."""
    root = typer.main.get_command(app)
    context = Context(root, info_name="tidegate")
    sections = [command_section(*found) for found in commands(root, context)]
    return MADE.format(source="tidegate.cli") + CLI_HEAD + "".join(sections)


def openapi_document() -> Mapping[str, Any] | None:
    """The server's OpenAPI document, or None where this checkout has no server yet."""
    try:
        module = importlib.import_module("tidegate.http.openapi")
    except ModuleNotFoundError as missing:
        if missing.name in ("tidegate.http", "tidegate.http.openapi"):
            return None
        raise
    document: Mapping[str, Any] = module.document()
    return document


def http_page(document: Mapping[str, Any]) -> str:
    """Every route with what it is for and what it answers."""
    parts = [MADE.format(source="the OpenAPI document"), HTTP_HEAD]
    for path in sorted(document["paths"]):
        for method in METHODS:
            operation = document["paths"][path].get(method)
            if operation is None:
                continue
            parts.append(
                f"\n## {method.upper()} {path}\n\n{operation.get('summary', '').strip()}\n"
            )
            if operation.get("description"):
                parts.append(f"\n{operation['description'].strip()}\n")
            rows = [
                (f"`{status}`", " ".join(answer.get("description", "").split()))
                for status, answer in sorted(operation["responses"].items())
            ]
            parts.append("\n" + table(("answer", "means"), rows))
    return "".join(parts)


def channels_page() -> str:
    """The capability table: a section a kind of channel, a row a topic."""
    parts = [MADE.format(source="tidegate.channels.capability_cells"), CHANNELS_HEAD]
    for row in TABLE:
        parts.append(f"\n## {row.english} {row.chinese} (`{row.kind}`)\n\n")
        rows = [
            (" ".join(TOPICS[topic]), str(cell.value or ""), cell.mark, cell.dated, cell.source)
            for topic, cell in cells(row)
        ]
        parts.append(table(("", "value", "mark", "read", "source"), rows))
    return "".join(parts)


def pages() -> dict[str, str]:
    """Every page by file name; a page whose source does not exist is left out."""
    made = {
        "reasons.md": reasons_page(),
        "cli.md": cli_page(),
        "channels.md": channels_page(),
    }
    document = openapi_document()
    if document is not None:
        made["http.md"] = http_page(document)
    return made


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check name those that differ."""
    differing = 0
    for name, text in pages().items():
        page = REFERENCE / name
        if page.exists() and page.read_text("utf-8") == text:
            continue
        differing += 1
        if arguments == ["--check"]:
            print(f"{page.name} differs: run python docs/build.py")
        else:
            REFERENCE.mkdir(exist_ok=True)
            page.write_text(text, "utf-8")
            print(f"wrote {page.name}")
    return int(arguments == ["--check"] and differing > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
