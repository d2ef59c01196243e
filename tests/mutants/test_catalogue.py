"""What is to be taken away must still be there, and who is to notice too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_s_text_stands_once_and_its_tests_exist(mutant: Mutant) -> None:
    assert (REPOSITORY / mutant.path).read_text("utf-8").count(mutant.before) == 1
    for group in mutant.groups:
        for test in group:
            assert (REPOSITORY / test.partition("::")[0]).exists(), test


def test_no_two_have_one_name() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names) >= 12
