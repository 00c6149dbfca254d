"""NamespaceService: how namespaces keep their records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sealwire.core.errors import MalformedError
from sealwire.core.names import ancestors, check_namespace, subtree_bounds
from sealwire.interceptors import Call
from sealwire.server.authorization import Authorization
from sealwire.server.guard import Guard
from sealwire.server.pages import page_size, page_token, position
from sealwire.storage import DEFAULT_KEEP_VERSIONS, Namespace, Verb
from sealwire.v1 import namespaces_pb2
from sealwire.v1.namespaces_pb2 import (
    CreateNamespaceRequest,
    CreateNamespaceResponse,
    GetNamespaceRequest,
    GetNamespaceResponse,
    ListNamespacesRequest,
    ListNamespacesResponse,
    UpdateNamespaceRequest,
    UpdateNamespaceResponse,
)
from sealwire.v1.namespaces_pb2_grpc import NamespaceServiceServicer

MAX_KEEP_SECONDS: Final = 100 * 366 * 24 * 60 * 60
MAX_LOOKS: Final = 2_000
"""How many namespaces one page looks at, shown or not."""
_READ_AT_ONCE: Final = 200
_MAX_ID_DIGITS: Final = 18
_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class NamespaceService(NamespaceServiceServicer):
    """Namespaces, for those who hold a verb in them."""

    guard: Guard

    async def CreateNamespace(
        self, request: CreateNamespaceRequest, call: Call
    ) -> CreateNamespaceResponse:
        """Make a namespace, which then belongs to the caller."""
        name = check_namespace(request.name)
        keep_ms = _keep_ms(request.keep_seconds)
        asked = request.HasField("keep_versions")
        keep_versions = request.keep_versions if asked else DEFAULT_KEEP_VERSIONS

        def unit(auth: Authorization) -> CreateNamespaceResponse:
            auth.require_new_namespace(name)
            create = (
                auth.tx.namespaces.create_with_sealed_names
                if request.sealed_names
                else auth.tx.namespaces.create
            )
            made = create(
                name,
                owner_id=auth.caller.identity.id,
                now=auth.now,
                keep_versions=keep_versions,
                keep_ms=keep_ms,
            )
            return CreateNamespaceResponse(namespace=_message(auth, made))

        return await self.guard.mutate(call, request, unit)

    async def GetNamespace(self, request: GetNamespaceRequest, call: Call) -> GetNamespaceResponse:
        """Return a namespace's settings."""
        name = check_namespace(request.name)

        def unit(auth: Authorization) -> GetNamespaceResponse:
            return GetNamespaceResponse(namespace=_message(auth, auth.namespace(name)))

        return await self.guard.read(call, unit)

    async def UpdateNamespace(
        self, request: UpdateNamespaceRequest, call: Call
    ) -> UpdateNamespaceResponse:
        """Keep more or fewer versions; what is beyond goes with the next sweep."""
        name = check_namespace(request.name)
        keep_ms = _keep_ms(request.keep_seconds)

        def unit(auth: Authorization) -> UpdateNamespaceResponse:
            found = auth.namespace(name)
            changed = auth.tx.namespaces.set_retention(
                found,
                keep_versions=(
                    request.keep_versions
                    if request.HasField("keep_versions")
                    else found.keep_versions
                ),
                keep_ms=keep_ms if request.HasField("keep_seconds") else found.keep_ms,
            )
            return UpdateNamespaceResponse(namespace=_message(auth, changed))

        return await self.guard.mutate(call, request, unit)

    async def ListNamespaces(
        self, request: ListNamespacesRequest, call: Call
    ) -> ListNamespacesResponse:
        """Return a page of the namespaces that the caller may list; the others are left out."""
        under = check_namespace(request.under) if request.under else ""
        size, reached = page_size(request.page_size), _reached(request.page_token)

        def unit(auth: Authorization) -> ListNamespacesResponse:
            auth.enrolled()
            shown: list[namespaces_pb2.Namespace] = []
            behind = None
            for looks, namespace in enumerate(_following(auth, under, reached)):
                if behind is not None and (len(shown) == size or looks == MAX_LOOKS):
                    token = page_token(str(behind.id))
                    return ListNamespacesResponse(namespaces=shown, next_page_token=token)
                if auth.may(namespace.name, Verb.LIST):
                    shown.append(_message(auth, namespace))
                behind = namespace
            return ListNamespacesResponse(namespaces=shown)

        return await self.guard.read_long(call, unit)


def _following(auth: Authorization, under: str, reached: int | None) -> Iterator[Namespace]:
    """Yield namespaces in order, `under` and those below it, or all, from behind one by its id."""
    start, behind = under, subtree_bounds(under)[1] if under else None
    if reached is not None:
        found = auth.tx.namespaces.find_by_id(reached)
        if found is None:
            raise MalformedError("The page token is not one that this server gave out.")
        start = max(start, f"{found.name}\0")
    while page := auth.tx.namespaces.page(start=start, behind=behind, limit=_READ_AT_ONCE):
        for namespace in page:
            if not under or under in (namespace.name, *ancestors(namespace.name)):
                yield namespace
        start = f"{page[-1].name}\0"


def _reached(token: str) -> int | None:
    """Return the id of the namespace behind which a page begins.

    A token has an id, because a name would tell of a namespace that the caller may not see.
    """
    text = position(token)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_ID_DIGITS:
        raise MalformedError("The page token is not one that this server gave out.")
    return int(text)


def _keep_ms(seconds: int) -> int:
    if seconds > MAX_KEEP_SECONDS:
        raise MalformedError("Versions can't be told to be kept for more than 100 years.")
    return seconds * _MS


def _message(auth: Authorization, namespace: Namespace) -> namespaces_pb2.Namespace:
    owner = auth.tx.identities.find(namespace.owner_id)
    return namespaces_pb2.Namespace(
        name=namespace.name,
        owner="" if owner is None else owner.name,
        created_at=namespace.created_at,
        keep_versions=namespace.keep_versions,
        keep_seconds=namespace.keep_ms // _MS,
        sealed_names=namespace.name_key is not None,
    )
