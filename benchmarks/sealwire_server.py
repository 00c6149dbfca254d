"""The real server, as `sealwire-server serve` runs it."""

from __future__ import annotations

import sys

from sealwire.server.cli import main

if __name__ == "__main__":
    sys.argv = ["sealwire-server", "serve", *sys.argv[1:]]
    main()
