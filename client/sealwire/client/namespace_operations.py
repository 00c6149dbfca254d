"""`client.namespaces`: which there are, and how each keeps its records.

client.namespaces.create("team/payments", keep_versions=3, sealed_names=True)
"""

from __future__ import annotations

from typing import Final

from sealwire.client.operations import Asyncio, Blocking, Call, Listing, listing, operation
from sealwire.v1.namespaces_pb2 import (
    CreateNamespaceRequest,
    GetNamespaceRequest,
    ListNamespacesRequest,
    Namespace,
    UpdateNamespaceRequest,
)

_SERVICE: Final = "/sealwire.v1.NamespaceService"


class NamespaceOperations:
    """A `keep_versions` of 0 is all of them, a `keep_seconds` of 0 for ever."""

    @operation
    def create(
        self,
        name: str,
        *,
        keep_versions: int | None = None,
        keep_seconds: int = 0,
        sealed_names: bool = False,
    ) -> Call[Namespace]:
        """Make a namespace before anything is put there; ExistsError if there is one of that name.

        It keeps 10 versions of a record, unless told otherwise. With `sealed_names`, which stays
        as it is for good, whoever steals the database does not learn the names of records either.
        """
        request = CreateNamespaceRequest(
            name=name,
            keep_versions=keep_versions,
            keep_seconds=keep_seconds,
            sealed_names=sealed_names,
        )
        return Call(f"{_SERVICE}/CreateNamespace", request, lambda answer: answer.namespace)

    @operation
    def get(self, name: str) -> Call[Namespace]:
        """Return a namespace; for those who may list it."""
        request = GetNamespaceRequest(name=name)
        return Call(f"{_SERVICE}/GetNamespace", request, lambda answer: answer.namespace)

    @operation
    def update(
        self, name: str, *, keep_versions: int | None = None, keep_seconds: int | None = None
    ) -> Call[Namespace]:
        """Change how long versions are kept, as far as it is said; for those who hold admin there.

        What is kept no longer is gone for good soon after.
        """
        request = UpdateNamespaceRequest(
            name=name, keep_versions=keep_versions, keep_seconds=keep_seconds
        )
        return Call(f"{_SERVICE}/UpdateNamespace", request, lambda answer: answer.namespace)

    @listing
    def list(self, *, under: str = "", page_size: int = 0) -> Listing[Namespace]:
        """Yield the namespaces that the caller may list, in order: all, or one and what is below.

        Pages are fetched as needed.
        """
        request = ListNamespacesRequest(under=under, page_size=page_size)
        return Listing(f"{_SERVICE}/ListNamespaces", request, lambda page: page.namespaces)


class Namespaces(NamespaceOperations, Blocking):
    """The namespaces of a deployment, for `Client`."""


class AsyncNamespaces(NamespaceOperations, Asyncio):
    """The namespaces of a deployment, for `AsyncClient`."""
