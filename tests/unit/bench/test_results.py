"""Results of benches as files."""

from __future__ import annotations

from bench.results import command_of


def test_the_command_that_is_kept_names_no_folder_of_this_machine() -> None:
    given = ["--rounds", "2", "--results", "somewhere", "--seed", "1", "--results=else"]
    assert command_of("bench.paired", given) == "python -m bench.paired --rounds 2 --seed 1"

    assert command_of("bench.page", ["--folder", "somewhere"]) == "python -m bench.page"
