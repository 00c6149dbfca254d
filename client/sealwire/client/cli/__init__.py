"""`sealwire`: the command-line client."""

from __future__ import annotations

from sealwire.client.cli.program import main

__all__ = ["main"]
