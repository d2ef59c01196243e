"""The names that simulated customers have: a fixed list, so that a seed always means the same."""

from __future__ import annotations

import json
from importlib.resources import files

from pedidos_common.domain.generation import name_table


def customer_names() -> list[str]:
    """Full names, in the order that generator version 1 points into.

    Source: `names.json`, written once by `tools/make_names.py`.
    """
    held = json.loads(files(__package__).joinpath("names.json").read_text(encoding="utf-8"))
    return name_table(held["given"], held["surnames"])
