"""Writes `pedidos_generator/names.json`: Brazilian names from mimesis, drawn once.

Simulated orders must not change when mimesis does, so a run reads this file and mimesis is
needed only here:

    pip install mimesis==22.2.0 && python services/generator/tools/make_names.py

Other names are other orders: whoever writes the file anew raises `GENERATOR_VERSION` in
`pedidos_common/domain/generation.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from mimesis import Gender, Locale, Person

EACH = 512
TARGET = Path(__file__).parent.parent / "src" / "pedidos_generator" / "names.json"


def different(draw: Callable[[], str], count: int) -> list[str]:
    """`count` different single-word names, in the order in which they were drawn."""
    names: dict[str, None] = {}
    while len(names) < count:
        name = draw()
        if name.isalpha():
            names[name] = None
    return list(names)


def main() -> None:
    """Draw the names and write the file."""
    person = Person(Locale.PT_BR, seed=2026)
    women = different(lambda: person.first_name(Gender.FEMALE), EACH // 2)
    men = different(lambda: person.first_name(Gender.MALE), EACH)
    content = {
        "source": f"mimesis {version('mimesis')} (MIT), locale pt-br, seed 2026",
        "given": (women + [name for name in men if name not in women])[:EACH],
        "surnames": different(person.last_name, EACH),
    }
    text = json.dumps(content, ensure_ascii=False, indent=0)
    TARGET.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
