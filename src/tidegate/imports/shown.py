"""Previews and reconciliations as tables for a terminal, in plain words.

Always shows what it is given and nothing else; never a buyer, never a whole line of the file.
"""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table

from tidegate.imports.preview import Preview, yuan
from tidegate.imports.reconciliation import Reconciliation


def show_preview(console: Console, preview: Preview) -> None:
    """How the file was read, its columns, first lines and plan."""
    console.print(Group(*_preview_parts(preview)))


def _preview_parts(preview: Preview) -> Iterator[RenderableType]:
    yield f"{preview.source}; columns as {preview.form}"
    yield ", ".join(f"{role} = {name!r}" for role, name in preview.columns)
    lines = Table(*preview.header)
    for row in preview.lines:
        lines.add_row(*row)
    yield lines
    yield "planned: " + ", ".join(f"{name} {count:,}" for name, count in preview.planned.items())
    if preview.kept_out:
        kept = ", ".join(f"{name} {count:,}" for name, count in preview.kept_out.items())
        yield f"kept out already: {kept}"


def show_reconciliation(console: Console, account: Reconciliation) -> None:
    """One row for each fate of a line, the file's totals beneath."""
    table = Table("row", title="every line of the file, in exactly one row")
    for name in ("lines", "units", "amount"):
        table.add_column(name, justify="right")
    for row in account.rows:
        table.add_row(row.name, f"{row.lines:,}", f"{row.units:,}", yuan(row.money_fen))
    table.add_section()
    table.add_row("the file", f"{account.lines:,}", f"{account.units:,}", yuan(account.money_fen))
    console.print(table)
    for note in account.notes:
        console.print(f"- {note}", highlight=False, soft_wrap=True)
