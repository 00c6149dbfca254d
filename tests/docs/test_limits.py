"""The limits in docs/protocol.md section 8 are those of the code."""

from __future__ import annotations

import re

import pytest

from sealwire.core.names import MAX_VALUE_BYTES
from sealwire.server import batches, namespace_service, record_drafts, watch_hub
from sealwire.server.authorization import MAX_CLAIMS
from sealwire.server.pages import MAX_PAGE_SIZE
from sealwire.storage import listing
from tests.packaging.layout import ROOT

SECTION = re.split(r"^## ", (ROOT / "docs/protocol.md").read_text("utf-8"), flags=re.MULTILINE)[8]
MIB = 1024 * 1024
CENTURY = 100 * 366 * 24 * 60 * 60


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("value |", f"{MAX_VALUE_BYTES // MIB} MiB ({MAX_VALUE_BYTES:,} bytes)"),
        ("page size", f"{MAX_PAGE_SIZE:,}; 0 means 100"),
        ("records, or namespaces, that one page looks at", f"{listing.MAX_LOOKS:,}"),
        ("records of a namespace with sealed names", f"{listing.MAX_SEALED_NAMES:,}"),
        ("versions that one request destroys", f"1 to {batches.MAX_ITEMS:,}"),
        ("namespaces that one request claims", f"{MAX_CLAIMS}"),
        ("watches", f"{watch_hub.WatchLimits().max_watchers:,}"),
        ("records, conditions, operations", f"{batches.MAX_ITEMS:,} each"),
        ("namespaces |", f"{batches.MAX_NAMESPACES}"),
        ("values, names and metadata opened", f"{batches.MAX_OPENED_BYTES / MIB:g} MiB"),
    ],
)
def test_a_limit_is_what_the_document_says(what: str, value: str) -> None:
    (row,) = re.findall(rf"^\| {re.escape(what)}.*$", SECTION, flags=re.MULTILINE)
    assert f"| {value}" in row


def test_the_same_limits_hold_for_namespaces_as_for_records() -> None:
    assert namespace_service.MAX_LOOKS == listing.MAX_LOOKS
    assert (record_drafts.MAX_TTL_SECONDS, namespace_service.MAX_KEEP_SECONDS) == (CENTURY,) * 2
