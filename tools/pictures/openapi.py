"""A picture of the page /docs: the operations of a service, by group."""

from typing import Any

from tools.pictures.svg import FONT, MONOSPACE, picture, text

WIDTH = 820
MARGIN = 24
ROW = 40
METHODS = {"get": "#1f6feb", "post": "#1a7f37", "patch": "#0e7c7b", "delete": "#cf222e"}

STYLE = (
    f"""
.frame {{ fill: #ffffff; stroke: #d0d7de }}
text {{ font-family: {FONT}; fill: #1f2328 }}
.title {{ font-size: 26px; font-weight: 600 }}
.group {{ font-size: 18px; font-weight: 600 }}
.path {{ font: 600 14px {MONOSPACE} }}
.summary {{ font-size: 13px; fill: #59636e; text-anchor: end }}
.version {{ font-size: 12px; fill: #59636e }}
.method {{ font-size: 12px; font-weight: 700; fill: #ffffff; text-anchor: middle }}
.line {{ stroke: #d0d7de }}
"""
    + "\n".join(
        f".{method} {{ fill: {color} }} .row-{method} {{ fill: {color}; fill-opacity: 0.1; "
        f"stroke: {color}; stroke-opacity: 0.6 }}"
        for method, color in METHODS.items()
    )
    + """
@media (prefers-color-scheme: dark) {
.frame { fill: #0d1117; stroke: #3d444d } .line { stroke: #3d444d }
text { fill: #f0f6fc } .summary, .version { fill: #9198a1 } .method { fill: #ffffff }
}
"""
)


def operations(openapi: dict[str, Any]) -> str:
    """The picture of a service, given its OpenAPI document."""
    info = openapi["info"]
    parts = [
        text(MARGIN, 48, info["title"], "title"),
        text(MARGIN, 70, f"version {info['version']}", "version"),
    ]
    y = 84.0
    for group, rows in _by_group(openapi).items():
        parts.append(text(MARGIN, y + 28, group, "group"))
        end = WIDTH - MARGIN
        parts.append(f'<path class="line" d="M {MARGIN} {y + 40:g} H {end}"/>')
        y += 50
        for method, path, summary in rows:
            parts += _row(y, method, path, summary)
            y += ROW
        y += 6
    return picture(f"The page /docs of {info['title']}", WIDTH, round(y) + 14, STYLE, parts)


def _by_group(openapi: dict[str, Any]) -> dict[str, list[tuple[str, str, str]]]:
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            group = operation.get("tags", ["default"])[0]
            groups.setdefault(group, []).append((method, path, operation["summary"]))
    return groups


def _row(y: float, method: str, path: str, summary: str) -> list[str]:
    size = f'width="{WIDTH - 2 * MARGIN}" height="{ROW - 8}"'
    return [
        f'<rect class="row-{method}" x="{MARGIN}" y="{y:g}" {size} rx="4"/>',
        f'<rect class="{method}" x="{MARGIN + 5}" y="{y + 5:g}" width="74" height="22" rx="3"/>',
        text(MARGIN + 42, y + 20.5, method.upper(), "method"),
        text(MARGIN + 94, y + 21, path, "path"),
        text(WIDTH - MARGIN - 14, y + 20.5, summary, "summary"),
    ]
