"""Options of the commands."""

from __future__ import annotations

from bench.command_line import command_of


def test_the_command_that_is_kept_names_no_folder_of_this_machine() -> None:
    given = ["--rounds", "2", "--results", "somewhere", "--seed", "1", "--results=else"]
    assert command_of("python -m bench.page", given) == "python -m bench.page --rounds 2 --seed 1"

    assert command_of("footprint", ["--folder", "somewhere"]) == "footprint"
