from __future__ import annotations

import pytest

from docs.generators.case_list import SECTIONS, Case
from docs.generators.cases import held_by

CASES = [case for cases in SECTIONS.values() for case in cases]


def test_the_cases_are_numbered_without_a_gap() -> None:
    assert [case.number for case in CASES] == list(range(1, 103))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.number))
def test_a_case_is_held_by_a_test_or_says_what_it_waits_for(case: Case) -> None:
    assert held_by().get(case.number) or case.waits_for


def test_no_test_claims_a_case_that_is_not_listed() -> None:
    assert set(held_by()) <= {case.number for case in CASES}
