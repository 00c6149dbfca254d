"""All that programs import sooner or later, imported; and nothing begun with it."""

from __future__ import annotations

import gc
import importlib
import os

from sealwire.core.tls import refuse_tls_1_2

NEEDED = (
    "sealwire.client.cli",
    "sealwire.client.enrolment",
    "sealwire.client.rotation",
    "sealwire.server.cli",
    "sealwire.server.migration",
    "sealwire.server.serve",
    "tests.cli.killing",
    "tests.server.dying",
)

# As programs do before they import gRPC, which reads both then.
refuse_tls_1_2()
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

for module in NEEDED:
    importlib.import_module(module)

# So that collecting garbage in a forked process does not copy what they share.
gc.freeze()
