"""The doctor's report as a page of HTML that needs no other file."""

from __future__ import annotations

import base64
import io
from html import escape

from PIL import Image

from augflow.base.regular_file import read_regular
from augflow.doctor.examine import Report
from augflow.doctor.finding import Finding

_SIDE = 160  # pixels
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-left: .3rem solid #888; padding: 0 1rem; margin: 2rem 0; }
section.error { border-color: #c62828; } section.warning { border-color: #e69500; }
section.note { border-color: #1976d2; }
h2 { font-size: 1.1rem; margin: 0; } small { opacity: .7; font-weight: normal; }
figure { display: inline-block; margin: .3rem .6rem .3rem 0; max-width: 10rem; }
figcaption { font-size: .75rem; overflow-wrap: anywhere; }
li, code { overflow-wrap: anywhere; } td { padding-right: 2rem; }
"""


def page_of(report: Report) -> str:
    """The whole page."""
    body = [
        f"<h1>augflow doctor: {escape(report.target)}</h1>",
        f"<p>{escape(report.about)}, looked at in {report.seconds:.1f} s.</p>",
    ]
    if not report.findings:
        body.append("<p><strong>Nothing is wrong.</strong></p>")
    body += [_section(finding) for finding in report.findings]
    if report.recommendation is not None:
        rows = "".join(
            f"<tr><td>{escape(label)}</td><td>{speed:,.0f}</td></tr>"
            for label, speed in report.recommendation.images_per_second.items()
        )
        body.append(
            "<h2>Recommended here</h2>"
            f"<p><code>{escape(report.recommendation.code())}</code></p>"
            f"<table><tr><th>setting</th><th>images a second</th></tr>{rows}</table>"
        )
    title = f"augflow doctor: {escape(report.target)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _section(finding: Finding) -> str:
    places = "".join(f"<li>{escape(place)}</li>" for place in finding.where)
    details = (
        f"<details><summary>{len(finding.where)} in all</summary><ul>{places}</ul></details>"
        if places
        else ""
    )
    pictures = "".join(map(_figure, finding.pictures))
    return (
        f'<section class="{finding.level}"><h2>{escape(finding.title)} '
        f"<small>{finding.level}, {finding.code}</small></h2>"
        f"<p>{escape(finding.cure)}</p>{pictures}{details}</section>"
    )


def _figure(path: str) -> str:
    """A small copy of an image, inside of the page."""
    with Image.open(io.BytesIO(read_regular(path))) as image:
        small = image.convert("RGB")
        small.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    name = escape(path)
    return (
        f'<figure><img alt="{name}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{name}</figcaption></figure>"
    )
