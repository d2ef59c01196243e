"""A figure as SVG that stands inside a page: its colours follow the page, its ids are its own."""

from __future__ import annotations

import io
import re
from contextlib import AbstractContextManager
from html import escape
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

# Drawn in this, the page's own text colour takes its place.
_INK = "#010203"
_BLACK = ("#000000", _INK)
SERIES = ("#2f7de1", "#d9730d", "#2f9e44", "#9c5fd6", "#e0455e", "#12919b", "#808a94", "#b5820b")

STYLE = {
    "axes.prop_cycle": cycler(color=SERIES),
    "axes.edgecolor": _INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": _INK,
    "figure.facecolor": "none",
    "font.size": 9.5,
    "grid.alpha": 0.4,
    "grid.color": "#808a94",
    "grid.linewidth": 0.5,
    "legend.edgecolor": "none",
    "legend.facecolor": "none",
    "legend.fontsize": 8.5,
    "legend.framealpha": 0.0,
    "lines.linewidth": 1.6,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "pedidos",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def styled() -> AbstractContextManager[None]:
    """Figures that are made inside look like the page."""
    # The stubs take a dictionary with their own list of names as literals only.
    style: Any = STYLE
    return mpl.rc_context(style)


def inline_svg(figure: Figure, name: str, alternative: str) -> str:
    """The figure for a page; `name` sets its ids apart, `alternative` is read out instead of it."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    svg = written.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    for ink in _BLACK:
        svg = svg.replace(ink, "currentColor")
    # The page's own size rules.
    svg = re.sub(r'^<svg ([^>]*?)\s(?:width|height)="[^"]*"', r"<svg \1", svg)
    svg = re.sub(r'^<svg ([^>]*?)\s?(?:width|height)="[^"]*"', r"<svg \1", svg)
    label = escape(alternative, quote=True)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
