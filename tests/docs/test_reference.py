"""The pages say what the code says: generated ones are compared, written ones are checked.

Always against the code of this checkout. Never against a list kept in a test.
"""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.cli.main import installed_commands
from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.record.lines import OPERATION_KINDS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
WRITTEN = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
OF_THE_FRONT_DOOR = {"test", "--help"}  # what ./tidegate knows besides the command line


def load_build() -> ModuleType:
    """The program docs/build.py as a module."""
    spec = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = load_build()


@pytest.mark.parametrize("page", ["reasons.md", "cli.md", "http.md", "channels.md"])
def test_a_reference_page_is_what_the_code_says(page: str) -> None:
    made = BUILD.pages()
    if page not in made:
        pytest.skip(f"{page}: tidegate.http.openapi does not exist yet, so there is no route")
    written = DOCS / "reference" / page
    assert written.exists(), "run python docs/build.py"
    assert written.read_text("utf-8") == made[page], "run python docs/build.py"


def test_every_reason_has_its_words_and_its_row() -> None:
    assert sorted(Reason) == sorted(REASON_TEXTS)
    page = (DOCS / "reference" / "reasons.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| (\d+) \| `(\w+)` \|", page)
    assert [(int(number), name) for number, name in rows] == [
        (int(reason), REASON_TEXTS[reason].name) for reason in sorted(Reason)
    ]


def test_reason_names_are_unique_and_lower_case() -> None:
    names = [text.name for text in REASON_TEXTS.values()]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []
    assert "" not in OPERATION_KINDS[1:]


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_every_command_in_the_readme_exists(readme: Path) -> None:
    blocks = re.findall(r"(?ms)^```\w*\n(.*?)^```", readme.read_text("utf-8"))
    named = set(re.findall(r"(?m)^(?:\./)?tidegate ([a-z-]+)", "\n".join(blocks)))
    assert named >= {"demo", "test"}
    assert sorted(named - set(installed_commands()) - OF_THE_FRONT_DOOR) == []


def test_both_readmes_name_the_same_commands() -> None:
    commands = [
        sorted(set(re.findall(r"\./tidegate ([a-z-]+)", path.read_text("utf-8"))))
        for path in READMES
    ]
    assert commands[0] == commands[1]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_that_the_code_names_exists() -> None:
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in sorted((ROOT / "src").rglob("*.py"))
        for name in re.findall(r"\bdocs/[\w./-]*\w", path.read_text("utf-8"))
    }
    assert sorted(row for row in named if not list(ROOT.glob(row[1] + "*"))) == []


def decisions() -> list[Path]:
    """Every architecture decision record, in order."""
    return sorted((DOCS / "adr").glob("[0-9]*.md"))


def test_decisions_are_numbered_once_and_named_by_their_decision() -> None:
    numbers = [path.name[:4] for path in decisions()]
    assert len(set(numbers)) == len(numbers)
    for path in decisions():
        lines = path.read_text("utf-8").splitlines()
        assert re.match(rf"# {path.name[:4]}\.? [A-Z]", lines[0]), path.name
        assert re.match(r"Status: (accepted|replaced by \d{4})", lines[2]), path.name


def test_every_part_that_a_run_needs_has_its_line_in_a_decision() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = "\n".join(path.read_text("utf-8") for path in decisions())
    parts = re.findall(r"(?m)^\| `([a-z0-9-]+)` \|", text)
    assert sorted(set(project["dependencies"]) - set(parts)) == []


def test_architecture_takes_at_most_two_pages() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text("utf-8").splitlines()) <= 130


def test_the_glossary_names_each_idea_once_in_both_languages() -> None:
    text = (ROOT / "GLOSSARY.md").read_text("utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| ") and not line.startswith("| English")
    ]
    assert [row for row in rows if len(row) != 3 or not all(row)] == []
    words = [row[0] for row in rows]
    assert sorted({word for word in words if words.count(word) > 1}) == []


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"(?m)^## (.*)$", text)[0] == "Unreleased"
