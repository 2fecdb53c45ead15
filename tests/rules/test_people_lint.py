"""The rule checker: every rule has a file that fails it and nothing but it changes in the one that
passes; the example shop passes, the shop of the 2021 news fails on every count.
"""

import datetime as dt
import json
import re
from importlib import resources
from pathlib import Path

import pytest
import yaml

from tidegate.domain.yaml_nodes import YamlRefused, parse
from tidegate.people.lint.check import check, compiled
from tidegate.people.lint.conditions import BadCondition, Scene
from tidegate.people.lint.conditions import test_of as condition
from tidegate.people.lint.packs import LawPack, Rule, law_packs, read_pack
from tidegate.people.lint.paths import BadPath, check_path, found, words
from tidegate.people.lint.report import as_html, as_json, as_text, summary

FOLDER = Path(__file__).with_name("people_lint")
TODAY = dt.date(2026, 11, 24)
RULES = [(pack, rule) for pack in law_packs() for rule in pack.rules]
PACKS = resources.files("tidegate.people").joinpath("packs")


def alone(pack: LawPack, rule: Rule) -> LawPack:
    """The pack with this one rule."""
    fields = {name: getattr(pack, name) for name in pack.__struct_fields__}
    return LawPack(**{**fields, "rules": [rule]})


def told(pack: LawPack, rule: Rule, which: str) -> tuple[int, int]:
    """How many findings and questions of this one rule a file has."""
    text = (FOLDER / f"{rule.id}.{which}.yaml").read_text("utf-8")
    report = check(text, TODAY, [alone(pack, rule)])
    assert all(one.rule == rule.id for one in (*report.findings, *report.questions))
    return len(report.findings), len(report.questions)


@pytest.mark.parametrize(("pack", "rule"), RULES, ids=[rule.id for _, rule in RULES])
def test_a_rule_finds_what_it_is_for_and_nothing_where_it_is_kept(
    pack: LawPack, rule: Rule
) -> None:
    assert told(pack, rule, "fails") == ((0, 1) if rule.level == "ask" else (1, 0))
    assert told(pack, rule, "passes") == (0, 0)


def test_every_rule_has_its_two_files_and_no_file_is_left_over() -> None:
    assert len(RULES) >= 30
    wanted = {f"{rule.id}.{which}.yaml" for _, rule in RULES for which in ("fails", "passes")}
    assert {path.name for path in FOLDER.iterdir()} == wanted


@pytest.mark.parametrize(("pack", "rule"), RULES, ids=[rule.id for _, rule in RULES])
def test_a_rule_is_cited_in_both_languages_and_can_be_broken(pack: LawPack, rule: Rule) -> None:
    assert rule.article
    assert rule.quote
    assert pack.source
    assert all((rule.say.zh, rule.say.en, rule.mend.zh, rule.mend.en))
    assert re.search("[一-鿿]", rule.say.zh)
    assert bool(rule.must) != (rule.level == "ask")
    compiled(rule)


def test_no_two_rules_share_a_name() -> None:
    names = [rule.id for _, rule in RULES]
    assert len(set(names)) == len(names)


def test_the_example_shop_passes_and_is_asked_what_no_machine_judges() -> None:
    report = check(PACKS.joinpath("example-rules.yaml").read_text("utf-8"), TODAY)
    assert [(one.rule, one.place) for one in report.findings] == []
    assert [one.rule for one in report.questions] == ["PIPL-17-5"]
    assert report.rules == len(RULES)


NEWS = {  # what the association and the press wrote of in the last week of October 2021
    "face as the only door": {"FACE-10-1", "SPC-10-1"},
    "bundled or forced consent": {"PIPL-14-1", "CON-R23-1", "SPC-4-1", "SPC-4-2", "PIPL-16-1"},
    "ticked in advance": {"PIPL-14-2", "ECL-19-1"},
    "push without consent": {"CON-29-1", "CON-R24-1", "ADV-43-1"},
    "no complete rules, no notice": {"PIPL-7-1", "PIPL-17-1", "PIPL-17-2", "NDR-21-1"},
    "no retention": {"PIPL-19-1", "NDR-21-2"},
    "terms for ever": {"SPC-11-1"},
    "rewards for face": {"FACE-12-1", "FACE-12-2"},
    "abroad": {"PIPL-38-1", "PIPL-39-1"},
    "minors": {"PIPL-31-1", "FACE-7-1"},
    "no assessment": {"PIPL-55-1", "FACE-9-1"},
    "100,000 faces": {"FACE-15-1"},
    "1,000,000 persons": {"PIPL-52-1"},
    "forced membership": {"PIPL-16-2", "CLEAN-1"},
}


@pytest.mark.parametrize("count", sorted(NEWS))
def test_the_shop_of_the_news_fails_on_every_count(count: str) -> None:
    report = check(PACKS.joinpath("example-news-2021.yaml").read_text("utf-8"), TODAY)
    assert NEWS[count] <= {one.rule for one in report.findings}


def test_a_law_that_was_not_in_force_is_named_and_not_applied() -> None:
    text = PACKS.joinpath("example-news-2021.yaml").read_text("utf-8")
    report = check(text, dt.date(2021, 10, 26))
    assert [pack.pack for pack in report.laws] == ["lint-spc-face-2021"]
    assert {one.rule.partition("-")[0] for one in report.findings} == {"SPC"}
    assert len(report.skipped) == 4


def test_an_empty_file_passes_nothing() -> None:
    report = check("form: 1\n", TODAY)
    assert report.blocks >= 5
    assert {"PIPL-7-1", "PIPL-17-1", "NDR-21-1", "PIPL-31-2"} <= {
        one.rule for one in report.findings
    }


@pytest.mark.parametrize(
    ("text", "place", "line"),
    [
        ("operator: {name: A}\n", "form", 1),
        ("form: 1\nchekpoints: []\n", "chekpoints", 2),
        ("form: 1\ncheckpoints:\n- name: gate\n  method: [x]\n", "checkpoints[1].method", 4),
        ("form: 1\npurposes: deliver\n", "purposes", 2),
        ("form: 1\npurposes: [deliver]\n", "purposes[1]", 2),
        ("form: 1\noperator: [x]\n", "operator", 2),
        ("- form\n", "", 1),
    ],
)
def test_what_has_not_the_form_is_found_at_its_line(text: str, place: str, line: int) -> None:
    report = check(text, TODAY, [])
    assert [(one.rule, one.place, one.line) for one in report.findings] == [("form", place, line)]
    assert report.blocks == 1


@pytest.mark.parametrize(
    "text", ["", "a: &x 1\nb: *x\n", "a: [1\n", "a: 1\n---\nb: 2\n", "!!python/x y"]
)
def test_what_is_no_plain_yaml_is_refused(text: str) -> None:
    with pytest.raises(YamlRefused):
        check(text, TODAY)


@pytest.mark.parametrize("word", ["", "-", "None", "待定", "TBD", "无", "n/a"])
def test_a_blank_says_nothing(word: str) -> None:
    report = check(f"form: 1\noperator: {{name: '{word}', contact: '{word}'}}\n", TODAY)
    assert "PIPL-17-1" in {one.rule for one in report.findings}


CONDITIONS = """
{has: a}                          a: 1            yes
{has: a}                          b: 1            no
{lacks: a}                        b: 1            yes
{is: {a: [x, y]}}                 a: [x, y]       yes
{is: {a: [x, y]}}                 a: [x, z]       no
{is: {a: x}}                      b: x            no
{some: {a: [x, y]}}               a: [z, y]       yes
{none: {a: [x, y]}}               a: [z, y]       no
{none: {a: [x]}}                  b: x            yes
{covers: {a: [x, y]}}             a: [y, x, z]    yes
{covers: {a: [x, y]}}             a: [y]          no
{at_least: {a: 3}}                a: 3            yes
{at_least: {a: 3}}                a: 2            no
{at_least: {a: 3}}                a: many         no
{at_least: {a: 3}}                b: 4            no
{at_most: {a: 3}}                 a: 3            yes
{at_most: {a: 3}}                 a: '3.5'        no
{at_most: {a: 3}}                 a: 4            no
{at_most_of: {a: b}}              {a: 2, b: 2}    yes
{at_most_of: {a: b}}              {a: 3, b: 2}    no
{at_most_of: {a: [b, 2]}}         {a: 4, b: 2}    yes
{at_most_of: {a: [b, 2]}}         {a: 5, b: 2}    no
{count_at_most: {a: 1}}           a: [x, y]       no
{count_at_most: {a: 1}}           a: [x]          yes
{says: {a: ['for.ever']}}         a: {b: [For Ever]}  yes
{says: {a: ['for.ever']}}         a: 90 days      no
{within: {a: b}}                  {a: [x], b: [x, y]}  yes
{within: {a: b}}                  {a: [z], b: [x, y]}  no
{fresh_days: {a: 30}}             a: 2026-10-26   yes
{fresh_days: {a: 30}}             a: 2026-10-24   no
{fresh_days: {a: 30}}             a: 2026-12-24   no
{fresh_days: {a: 30}}             a: soon         no
{not_before: {a: b}}              {a: 2026-01-02, b: 2026-01-02}  yes
{not_before: {a: b}}              {a: 2026-01-01, b: 2026-01-02}  no
{not_before: {a: b}}              {b: 2026-01-02}  no
{not_before: {a: b}}              {a: 2026-01-01}  yes
{not: {has: a}}                   b: 1            yes
{any_of: [{has: a}, {has: b}]}    b: 1            yes
{all_of: [{has: a}, {has: b}]}    b: 1            no
"""


@pytest.mark.parametrize("row", CONDITIONS.strip().splitlines())
def test_conditions(row: str) -> None:
    asked, rest = re.split(r"\s{2,}", row, maxsplit=1)
    text, answer = re.split(r"\s{2,}", rest.strip(), maxsplit=1)
    root = parse(text)
    assert condition(yaml.safe_load(asked))(Scene(root, root, TODAY)) == (answer == "yes")


@pytest.mark.parametrize("asked", ["{maybe: a}", "{has: a, lacks: b}", "{is: {a: 1, b: 2}}"])
def test_a_condition_that_nobody_knows_breaks_the_pack(asked: str) -> None:
    with pytest.raises(BadCondition):
        condition(yaml.safe_load(asked))


@pytest.mark.parametrize("path", ["a..b", "a[b]", "A", "a[b~c]", "", "a/b"])
def test_a_path_that_cannot_be_walked_breaks_the_pack(path: str) -> None:
    with pytest.raises(BadPath):
        check_path(path)


def test_paths_walk_through_lists_and_choose() -> None:
    root = parse("m: [{kind: face, hours: [day]}, {kind: card, hours: [night, day]}]\nz: 1\n")
    item = root.fields["m"].items[1]
    assert words(found(root, root, "m[kind!=face].hours")) == ["night", "day"]
    assert words(found(root, item, "hours")) == ["night", "day"]
    assert words(found(root, item, "/z")) == ["1"]
    assert found(root, item, ".") == [item]


def test_a_pack_with_an_unknown_word_is_refused() -> None:
    text = PACKS.joinpath("lint-pipl.yaml").read_text("utf-8")
    with pytest.raises(Exception, match="unknown field `nonsense`"):
        read_pack(text.replace("pack: lint-pipl", "nonsense: 1\npack: lint-pipl"))


def test_reports_say_the_same_in_three_forms() -> None:
    text = PACKS.joinpath("example-news-2021.yaml").read_text("utf-8")
    report = check(text.replace("刷脸入会", "<script>alert(1)</script>"), TODAY)
    plain = json.loads(json.dumps(as_json(report, "x.yaml"), ensure_ascii=False))
    assert plain["passes"] is False
    assert len(plain["findings"]) == len(report.findings)
    page = as_html(report, "<x>.yaml")
    assert "<script>" not in page
    assert page.count("<tr class=") == len(report.findings) + len(report.questions)
    assert "http" not in page
    assert summary(report) in as_text(report, "x.yaml").splitlines()[-1]
    assert page.count("未与官方文本核对") >= 1
