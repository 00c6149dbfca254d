"""What a failed RPC tells: its error is also its call, which the types of grpc do not say."""

from __future__ import annotations

from typing import cast

import grpc


def failed_call(error: BaseException | None) -> grpc.Call:
    """Return the call that ended in `error`, which must be an RPC's."""
    assert isinstance(error, grpc.RpcError), f"not refused by an RPC: {error!r}"
    return cast("grpc.Call", error)
