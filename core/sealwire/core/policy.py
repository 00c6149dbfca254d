"""What a method declares about itself: read from the `sealwire.v1.policy` option.

Both sides look a method up here: the server to know what is inside an envelope and which
permission it needs, the client to know what to put in.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final, cast

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from sealwire.core.errors import PolicyError
from sealwire.v1 import policy_pb2
from sealwire.v1.envelope_pb2 import SignedMessage

# The generated .pyi types an extension as a plain FieldDescriptor.
_POLICY: Final = cast("Any", policy_pb2.policy)


@dataclass(frozen=True, slots=True)
class MethodPolicy:
    """One protected method."""

    path: str
    request: type[Message]
    response: type[Message]
    permission: str
    presented_signer: bool
    request_streaming: bool
    response_streaming: bool


@functools.lru_cache(maxsize=1024)
def method_policy(path: str) -> MethodPolicy:
    """Return the policy of the method with this gRPC path, such as "/shop.v1.Orders/Place".

    Raises:
        PolicyError: if no loaded .proto declares the method, it does not carry SignedMessage both
            ways, or its policy is missing or incomplete.
    """
    method = _find_method(path)
    envelope = SignedMessage.DESCRIPTOR.full_name
    if {method.input_type.full_name, method.output_type.full_name} != {envelope}:
        raise PolicyError(f"{path} must take and return {envelope}.")
    options = method.GetOptions()
    if not options.HasExtension(_POLICY):
        raise PolicyError(f"{path} has no (sealwire.v1.policy) option; add one to its .proto.")
    policy: policy_pb2.Policy = options.Extensions[_POLICY]
    if not policy.permission:
        raise PolicyError(f"The policy of {path} names no permission.")
    return MethodPolicy(
        path=path,
        request=_message_class(path, policy.request),
        response=_message_class(path, policy.response),
        permission=policy.permission,
        presented_signer=policy.signer == policy_pb2.SIGNER_PRESENTED,
        request_streaming=method.client_streaming,
        response_streaming=method.server_streaming,
    )


def _find_method(path: str) -> MethodDescriptor:
    service, _, name = path.removeprefix("/").partition("/")
    try:
        found = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
    except (KeyError, TypeError):  # TypeError: for a text that is not UTF-8
        raise PolicyError(
            f"No loaded .proto declares the method {path}; import its service's _pb2 module."
        ) from None
    # Compared with what was found, because a look-up reads a name only up to its first NUL.
    if path != f"/{found.containing_service.full_name}/{found.name}":
        raise PolicyError(f"{path} is not the canonical path of a method.")
    return found


def _message_class(path: str, full_name: str) -> type[Message]:
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(full_name)
    except KeyError:
        raise PolicyError(
            f"The policy of {path} names {full_name!r}, a message that no loaded .proto declares."
        ) from None
    return message_factory.GetMessageClass(descriptor)
