"""`tidegate version`: which Tidegate, Python and commit this is, so that a report can say so.

It opens no store and imports nothing of the engine: it answers even where the rest is broken.
"""

import json
import platform
import subprocess
from pathlib import Path
from typing import Annotated

import typer

import tidegate

app = typer.Typer()

COMMIT_LOOKUP_S = 2  # a checkout on a slow disk must not keep `version` from answering


def checkout_commit() -> str | None:
    """The commit of the checkout that this code runs from, or None outside a checkout."""
    folder = Path(tidegate.__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"],  # noqa: S607  whichever git the person uses
            capture_output=True,
            text=True,
            timeout=COMMIT_LOOKUP_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


@app.command(name="version")
def version(
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Print the version, the Python it runs on and the commit of the checkout."""
    facts = {
        "tidegate": tidegate.__version__,
        "python": platform.python_version(),
        "commit": checkout_commit(),
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    commit = f", commit {facts['commit']}" if facts["commit"] else ""
    typer.echo(f"tidegate {facts['tidegate']} (Python {facts['python']}{commit})")
