"""A service of somebody else's, protected by Sealwire's interceptors: see README.md."""

from __future__ import annotations

import sys
from pathlib import Path

# The stubs in protos/ are the package `shop`; in a project of your own it is installed like any.
sys.path.append(str(Path(__file__).parent / "protos"))
