"""`tidegate people lint`: a merchant's own rules against dated and cited policy packs 规则体检.

Exit status 0: nothing has to be mended (questions for a person may be left); 1: something has; 2:
the file is no plain YAML, or cannot be read. It opens no store and asks no server.
"""

import datetime as dt
import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
BYTES_MAX = 4 << 20


@app.command(name="lint")
def lint(
    file: Annotated[Path, typer.Argument(metavar="RULES.yaml", help="the merchant's rules")],
    on: Annotated[
        str, typer.Option(help="the day whose law counts, as 2026-10-26; default: today")
    ] = "",
    html: Annotated[Path | None, typer.Option(help="write one page that can be printed")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Check notices, consents, recipients, messages, checkpoints, face and data map 规则体检."""
    from tidegate.domain.yaml_nodes import YamlRefused
    from tidegate.people.lint import check, report

    try:
        day = dt.date.fromisoformat(on) if on else dt.datetime.now().astimezone().date()
        made = check.check(_text(file), day)
        if html is not None:
            html.write_text(report.as_html(made, file.name), "utf-8")
    except (YamlRefused, OSError, ValueError) as error:
        typer.echo(f"tidegate people lint: {file}: {error}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(report.as_json(made, file.name), ensure_ascii=False, indent=1))
    else:
        typer.echo(report.as_text(made, str(file)))
    raise typer.Exit(1 if made.blocks else 0)


def _text(file: Path) -> str:
    """The file's text. Raises OSError or ValueError."""
    with file.open("rb") as opened:
        content = opened.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise ValueError(f"over {BYTES_MAX >> 20} MiB: split the file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8: save it as UTF-8") from None
