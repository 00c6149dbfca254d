"""One namespace over four roots: a stray `__init__.py` in one of them would hide the others."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import pytest

from tests.packaging.layout import PORTIONS, ROOT, portion_folder


@pytest.mark.parametrize("root", sorted(set(PORTIONS.values())))
def test_no_root_claims_the_namespace_for_itself(root: str) -> None:
    assert (ROOT / root / "sealwire").is_dir()
    assert not (ROOT / root / "sealwire" / "__init__.py").exists()


@pytest.mark.parametrize("root", sorted(set(PORTIONS.values())))
def test_every_folder_of_the_namespace_is_a_known_portion(root: str) -> None:
    folders = (path for path in (ROOT / root / "sealwire").iterdir() if path.is_dir())
    found = {f"sealwire.{path.name}" for path in folders if path.name != "__pycache__"}
    assert found == {portion for portion, home in PORTIONS.items() if home == root}


@pytest.mark.parametrize("portion", PORTIONS)
def test_every_portion_says_that_it_is_typed(portion: str) -> None:
    assert (portion_folder(portion) / "py.typed").is_file()


@pytest.mark.parametrize("portion", PORTIONS)
def test_the_editable_install_exposes_every_portion_from_this_tree(portion: str) -> None:
    package = importlib.import_module(portion)
    assert [Path(path) for path in package.__path__] == [portion_folder(portion)]


def test_the_namespace_spans_the_four_roots() -> None:
    spec = importlib.util.find_spec("sealwire")
    assert spec is not None
    assert spec.origin is None
    folders = {Path(path) for path in spec.submodule_search_locations or ()}
    assert {ROOT / root / "sealwire" for root in PORTIONS.values()} <= folders
