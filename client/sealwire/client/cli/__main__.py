"""`python -m sealwire.client.cli`: the same program as `sealwire`."""

from __future__ import annotations

from sealwire.client.cli.program import main

main()
