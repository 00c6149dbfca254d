"""Generated documentation: what differs is named, and what is unknown is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import generate
from docs.generators import protocol

DOCUMENT = "# Title\n\n<!-- generated: key-id -->\n{}<!-- end -->\n\nThe end.\n"
CURRENT = protocol.key_id() + "\n"


def tree(root: Path, text: str) -> Path:
    """Lay out a project with one document, and everything else up to date."""
    (root / "docs").mkdir()
    assert generate.main([], root=root) == 0
    document = root / "docs" / "protocol.md"
    document.write_text(text, encoding="utf-8")
    return document


@pytest.mark.parametrize("old", ["", "something older\n"])
def test_a_stale_document_is_named_and_left_alone_by_a_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str
) -> None:
    document = tree(tmp_path, DOCUMENT.format(old))
    assert generate.main(["--check"], root=tmp_path) == 1
    assert "docs/protocol.md is out of date" in capsys.readouterr().err
    assert document.read_text(encoding="utf-8") == DOCUMENT.format(old)


def test_a_stale_document_is_rewritten_between_its_comments_only(tmp_path: Path) -> None:
    document = tree(tmp_path, DOCUMENT.format("something older\n"))
    assert generate.main([], root=tmp_path) == 0
    assert document.read_text(encoding="utf-8") == DOCUMENT.format(CURRENT)
    assert generate.main(["--check"], root=tmp_path) == 0


def test_altered_vectors_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(tmp_path, "")
    vectors = tmp_path / "docs" / "vectors" / "sealing.json"
    vectors.write_text(vectors.read_text(encoding="utf-8").replace("a", "b", 1), encoding="utf-8")
    assert generate.main(["--check"], root=tmp_path) == 1
    assert "docs/vectors/sealing.json is out of date" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "<!-- generated: nothing-makes-this -->\n<!-- end -->\n",
        "<!-- generated: key-id -->\n",
        "<!-- end -->\n",
    ],
)
def test_a_comment_that_nothing_answers_is_refused_with_the_documents_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    document = tree(tmp_path, text)
    assert generate.main([], root=tmp_path) == 1
    assert "protocol.md" in capsys.readouterr().err
    assert document.read_text(encoding="utf-8") == text
