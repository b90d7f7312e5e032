"""What all pictures have: a frame with a background of its own, and texts."""

from collections.abc import Iterable
from html import escape

FONT = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
MONOSPACE = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def picture(title: str, width: int, height: int, style: str, parts: Iterable[str]) -> str:
    """An image for documents; `title` is read out instead of it.

    It has a background of its own, since it does not know that of the page.
    """
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{style.strip()}\n</style>",
        f'<rect class="frame" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def text(x: float, y: float, content: str, kind: str) -> str:
    """A line of text; `kind` is its class in the style."""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(content, quote=False)}</text>'
