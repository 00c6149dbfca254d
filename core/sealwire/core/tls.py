"""Keeping TLS 1.2 out of a process in which gRPC has no setting for it."""

from __future__ import annotations

import os
from typing import Final

TLS_1_2_SUITES_THAT_FAIL: Final = "ECDHE-RSA-AES256-GCM-SHA384"


def refuse_tls_1_2() -> None:
    """Make TLS 1.2 handshakes fail in this process; call it before grpc is imported.

    gRPC for Python has no option for a least TLS version. Its certificates here are ECDSA, so
    with a TLS 1.2 list of suites that need RSA, no TLS 1.2 handshake can succeed. The list does
    not concern TLS 1.3. The transport step checks the version again, on every request.
    """
    os.environ["GRPC_SSL_CIPHER_SUITES"] = TLS_1_2_SUITES_THAT_FAIL
