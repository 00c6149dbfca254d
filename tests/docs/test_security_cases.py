from __future__ import annotations

import pytest

from docs.generators.case_list import SECTIONS, Case
from docs.generators.cases import held_by

CASES = [case for cases in SECTIONS.values() for case in cases]


def test_the_cases_are_numbered_without_a_gap() -> None:
    assert [case.number for case in CASES] == list(range(1, 103))


@pytest.fixture(scope="module")
def held() -> dict[int, list[str]]:
    """What every test there is says that it holds."""
    return held_by()


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.number))
def test_a_case_is_held_by_a_test_or_says_what_it_waits_for(
    held: dict[int, list[str]], case: Case
) -> None:
    assert held.get(case.number) or case.waits_for


def test_no_test_claims_a_case_that_is_not_listed(held: dict[int, list[str]]) -> None:
    assert set(held) <= {case.number for case in CASES}
