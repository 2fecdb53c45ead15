"""Nothing in the repository depends on one machine or one package source.

Always over every file that git tracks (every file, where this is no checkout). The words looked for
are put together here from pieces, so that this file does not contain them.
"""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOT = r"\."
PACKAGE_HOSTS = "|".join(
    [
        rf"py{'pi'}{DOT}(?:org|io|python{DOT}org)",
        rf"{'python'}hosted{DOT}org",
        rf"registry{DOT}n{'pm'}js{DOT}org",
        rf"{'deb'}{DOT}{'deb'}ian{DOT}org",
        rf"index{DOT}crates{DOT}io",
        rf"{'proxy'}{DOT}golang{DOT}org",
        rf"mirrors?{DOT}[a-z0-9-]+{DOT}(?:com|cn|edu)",
        rf"{'pypi'}{DOT}[a-z0-9-]+{DOT}(?:com|cn|edu)",
    ]
)
MACHINE_PATHS = "|".join(
    [
        r"(?<![\w.~-])/(?:work|root)/\w",
        r"(?<![\w.~-])/(?:home|Users)/\w",
        rf"/opt/(?:{'py'}pi|{'wh'}eels)",
    ]
)
FORBIDDEN = re.compile(f"{PACKAGE_HOSTS}|{MACHINE_PATHS}")
LOCKS = ("requirements.lock", "requirements-test.lock")


def tracked_files() -> list[Path]:
    """Every file that the repository holds."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=False, text=True
    )
    if done.returncode == 0:
        names = [ROOT / name for name in done.stdout.split("\0") if name]
        return [path for path in names if path.is_file()]
    hidden = (".venv", ".git", "__pycache__")
    return [p for p in ROOT.rglob("*") if p.is_file() and not set(hidden) & set(p.parts)]


def findings(text: str) -> list[str]:
    """Every host or machine path in a text."""
    return [match.group() for match in FORBIDDEN.finditer(text)]


def test_no_file_names_a_package_host_or_a_path_of_one_machine() -> None:
    found = []
    for path in tracked_files():
        data = path.read_bytes()
        if b"\0" not in data[:8000]:
            text = data.decode("utf-8", "replace")
            found += [(str(path.relative_to(ROOT)), word) for word in findings(text)]
    assert found == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("--index-url https://py" + "pi.org/simple", 1),
        ("see /ro" + "ot/notes", 1),
        ("see /ho" + "me/someone/notes", 1),
        ("GET /v1/shops/a/orders and docs/operations/backup.md", 0),
        ("./tests/work/here and ~/work/there", 0),
    ],
)
def test_the_search_finds_what_it_is_for(text: str, count: int) -> None:
    assert len(findings(text)) == count


def pins(lock: str) -> dict[str, str]:
    """The version of each package in a lock file."""
    text = (ROOT / lock).read_text("utf-8")
    return dict(re.findall(r"(?m)^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", text))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    blocks = re.split(r"(?m)^(?=[a-z0-9])", text)[1:]
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert re.findall(r"://|--(?:extra-)?index|--find-links|--trusted-host", text) == []


def test_the_locks_agree_and_hold_every_dependency() -> None:
    run, test = pins(LOCKS[0]), pins(LOCKS[1])
    assert {name: (run[name], test[name]) for name in run if run[name] != test.get(name)} == {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extra = project["optional-dependencies"]["test"]
    named = {name.partition("[")[0] for name in [*project["dependencies"], *extra]}
    assert sorted(named - set(test)) == []
    assert sorted(set(project["dependencies"]) - set(run)) == []


def test_every_area_has_its_allotment_and_together_they_fit() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    allotment_s = settings["tool"]["tidegate"]["allotment_s"]
    areas = {
        path.relative_to(ROOT / "tests").parts[0] for path in ROOT.glob("tests/*/**/test_*.py")
    }
    assert sorted(areas - set(allotment_s)) == []
    assert sum(allotment_s.values()) <= 14 * 60  # the fifteenth minute is for set-up
