"""A check as text, as JSON and as one page that can be printed.

Always: what a person must judge stands beside what was found, and what nobody has compared with the
official text is marked. Never: a word of the file gets into the page as markup.
"""

import html
from typing import Any

from tidegate.people.lint.check import Finding, Report

LEVELS = {
    "block": ("不得发布", "block"),
    "warn": ("应改进", "warn"),
    "ask": ("由人判断", "a person judges"),
}
DOUBT = "未与官方文本核对 not compared with the official text"


def as_json(report: Report, file: str) -> dict[str, Any]:
    """Plain values for JSON."""
    return {
        "file": file,
        "on": report.on.isoformat(),
        "passes": report.blocks == 0,
        "rules": report.rules,
        "places": report.places,
        "laws": [
            {"pack": pack.pack, "law": pack.law.zh, "in_force": pack.in_force.isoformat(),
             "read": pack.read.isoformat(), "source": pack.source, "verified": pack.verified}
            for pack in report.laws
        ],
        "not_in_force": [pack.pack for pack in report.skipped],
        "findings": [_plain(one) for one in report.findings],
        "questions": [_plain(one) for one in report.questions],
    }  # fmt: skip


def _plain(one: Finding) -> dict[str, Any]:
    return {
        "rule": one.rule, "level": one.level, "line": one.line, "place": one.place,
        "say": {"zh": one.say.zh, "en": one.say.en}, "mend": {"zh": one.mend.zh, "en": one.mend.en},
        "law": one.law.zh, "article": one.article, "quote": one.quote, "source": one.source,
        "verified": one.verified,
    }  # fmt: skip


def as_text(report: Report, file: str) -> str:
    """For a terminal: one paragraph a finding, the verdict last."""
    lines = [_paragraph(file, one) for one in (*report.findings, *report.questions)]
    lines.append(summary(report))
    return "\n".join(lines)


def summary(report: Report) -> str:
    """The verdict in one line."""
    warned = len(report.findings) - report.blocks
    return (
        f"{report.blocks} to mend 不得发布, {warned} to improve 应改进, "
        f"{len(report.questions)} for a person to judge 由人判断; "
        f"{report.rules} rules of {len(report.laws)} laws as of {report.on}"
    )


def _paragraph(file: str, one: Finding) -> str:
    zh, en = LEVELS[one.level]
    doubt = "" if one.verified else f" · {DOUBT}"
    lines = [f"{file}:{one.line}: {en} {zh} {one.rule} {one.place}".rstrip(),
             f"    {one.say.en} · {one.say.zh}"]  # fmt: skip
    if one.article:
        lines.append(f"    {one.law.zh} {one.article}：“{one.quote}”{doubt}")
    lines.append(f"    → {one.mend.en} · {one.mend.zh}")
    return "\n".join(lines)


def as_html(report: Report, file: str) -> str:
    """One self-contained page, in both languages, with no script and nothing from elsewhere."""
    rows = "\n".join(_row(one) for one in (*report.findings, *report.questions))
    laws = "\n".join(
        f"<li>{html.escape(pack.law.zh)} ({html.escape(pack.law.en)}), "
        f"{pack.in_force} · {html.escape(pack.source)}"
        f"{'' if pack.verified else f' · <em>{DOUBT}</em>'}</li>"
        for pack in report.laws
    )
    return _PAGE.format(
        title=html.escape(file), summary=html.escape(summary(report)), rows=rows, laws=laws
    )


def _row(one: Finding) -> str:
    zh, en = LEVELS[one.level]
    doubt = "" if one.verified else f"<br><em>{DOUBT}</em>"
    cells = (
        f"<b>{zh}</b><br>{en}",
        f"{html.escape(one.rule)}<br>{html.escape(one.place)}<br>{one.line}",
        f"{html.escape(one.say.zh)}<br>{html.escape(one.say.en)}",
        f"{html.escape(f'{one.law.zh} {one.article}')}<br>“{html.escape(one.quote)}”{doubt}",
        f"{html.escape(one.mend.zh)}<br>{html.escape(one.mend.en)}",
    )
    return f'<tr class="{one.level}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


_PAGE = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · 规则体检</title>
<style>
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 72rem; }}
body {{ margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ border: 1px solid #767676; padding: .5rem; text-align: left; vertical-align: top; }}
.block td:first-child {{ background: #fde7e9; }}
.warn td:first-child {{ background: #fff4ce; }}
@media print {{ tr {{ break-inside: avoid; }} }}
</style>
</head>
<body>
<h1>规则体检 Rule check: {title}</h1>
<p>{summary}</p>
<table>
<thead><tr><th>级别 level</th><th>规则 · 位置 · 行 rule, place, line</th><th>问题 finding</th>
<th>依据 law</th><th>改法 mend</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<h2>依据的规范 Laws</h2>
<ul>
{laws}
</ul>
<p>机器只比对写明的内容；“由人判断”的各项须由人作出并记录。
The checker compares what is written; whatever a person must judge is asked, and their judgement
belongs on record. This is not legal advice.</p>
</body>
</html>
"""
