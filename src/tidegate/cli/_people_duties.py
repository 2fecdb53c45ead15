"""`tidegate people duties`: assessments, breaches and papers, and the pack for an inspection.

Documents come from files; one person files, another approves. The pack holds numbers and tokens.
"""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli._client import WrongUsage
from tidegate.cli._command import Caller, shop_call
from tidegate.cli._people_vault import document

app = typer.Typer(help="What a shop must be able to show.", no_args_is_help=True)


@app.command("file")
@shop_call
def file_(
    caller: Caller,
    kind: Annotated[str, typer.Argument(help="assessment, breach or paper")],
    name: str,
    source: Annotated[Path, typer.Argument(help="the document as JSON")],
) -> None:
    """File a new version."""
    body = {"name": name, "document": document(source.read_text("utf-8"))}
    done = caller.send("POST", caller.path("duties", kind), body, has_id=False)
    caller.show(done, f"{done['kind']} {done['name']} version {done['version']} · 已归档")


@app.command()
@shop_call
def approve(caller: Caller, kind: str, name: str, version: int) -> None:
    """Stand behind it as a second person."""
    path = caller.path("duties", kind, name, str(version), "approve")
    done = caller.send("POST", path, {}, has_id=False)
    caller.show(
        done, f"{done['kind']} {done['name']} is valid until {done['valid_until']} · 已批准"
    )


@app.command("list")
@shop_call
def list_(caller: Caller) -> None:
    """Every document, and purposes that wait for an assessment."""
    found = caller.get(caller.path("duties"))
    lines = [
        f"{one['kind']}  {one['name']}  {one['version']}  approved={one['approved']}"
        for one in found["items"]
    ]
    lines += [f"assessment missing · 缺少评估: {name}" for name in found["missing"]]
    caller.show(found, "\n".join(lines) or "none · 无")


@app.command()
@shop_call
def inspection(caller: Caller, to: Annotated[Path, typer.Argument(help="a new .zip file")]) -> None:
    """Everything that an inspection asks for: JSON, HTML, hashes, the server's signature."""
    from tidegate.people.duties.inspection import write_pack

    pages = caller.get(caller.path("inspection"))
    if to.exists():
        raise WrongUsage(f"{to} is there already")
    write_pack(to, pages, caller.shop)
    caller.show({"file": str(to)}, f"{to}: {len(pages)} pages · 已生成")
