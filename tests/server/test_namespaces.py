"""Namespaces and their settings, over a real connection; and who is told that they exist."""

from __future__ import annotations

import base64

import pytest

from sealwire.client import ExistsError, ForbiddenError, InvalidRequestError
from sealwire.v1.namespaces_pb2 import ListNamespacesRequest
from sealwire.v1.namespaces_pb2_grpc import NamespaceServiceStub
from tests.server.cast import Actor, Cast
from tests.server.kept import signing_channel
from tests.server.members import TIMEOUT


@pytest.fixture
def places(owner: Actor, namespace: str) -> list[str]:
    """Namespaces of the owner's, in order; the last one looks as if it were below the first."""
    places = [namespace, f"{namespace}-x", *(f"{namespace}/{name}" for name in "abcde")]
    for place in places:
        owner.client.put(place, "record", b"value")
    return places


def listed(actor: Actor, under: str, page_size: int) -> tuple[list[str], list[str]]:
    """Return the names that all pages hold, and their tokens."""
    names, tokens = [], [""]
    with signing_channel(actor.member) as channel:
        stub = NamespaceServiceStub(channel)
        while True:
            page = stub.ListNamespaces(
                ListNamespacesRequest(under=under, page_size=page_size, page_token=tokens[-1]),
                timeout=TIMEOUT,
            )
            names += [namespace.name for namespace in page.namespaces]
            if not page.next_page_token:
                return names, tokens[1:]
            tokens.append(page.next_page_token)


@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
def test_a_subtree_is_listed_page_by_page(
    owner: Actor, namespace: str, places: list[str], page_size: int
) -> None:
    names, tokens = listed(owner, namespace, page_size)
    assert names == [place for place in places if place != f"{namespace}-x"]
    assert len(tokens) >= len(names) // page_size - 1


# case 55
def test_a_stranger_is_told_of_no_namespace_and_reads_none_out_of_a_token(own_cast: Cast) -> None:
    owner, stranger = own_cast.join(), own_cast.join()
    for place in "abcde":
        owner.client.put(place, "record", b"value")
    owner.grant(stranger, "list", "c")
    names, tokens = listed(stranger, "", 1)
    assert names == ["c"]
    assert tokens
    for token in tokens:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        assert text.isdigit()


# case 54
def test_a_denial_hides_a_namespace_from_the_list(
    cast: Cast, owner: Actor, namespace: str, places: list[str]
) -> None:
    guest = cast.join()
    owner.grant(guest, "list", namespace)
    owner.deny(guest, "list", places[4])
    names, _ = listed(guest, namespace, 2)
    assert names == [place for place in places if place not in (f"{namespace}-x", places[4])]


@pytest.mark.parametrize("token", ["notbase64!", "YWJj", "OTk5OTk5OTk5"])
def test_a_token_that_the_server_did_not_give_out_is_refused(owner: Actor, token: str) -> None:
    with signing_channel(owner.member) as channel, pytest.raises(InvalidRequestError):
        NamespaceServiceStub(channel).ListNamespaces(
            ListNamespacesRequest(page_token=token), timeout=TIMEOUT
        )


def test_a_namespace_is_made_once_by_whoever_may_write_there(
    cast: Cast, owner: Actor, namespace: str
) -> None:
    made = owner.client.namespaces.create(namespace, keep_versions=3, sealed_names=True)
    assert (made.keep_versions, made.sealed_names, made.owner) == (3, True, owner.name)
    with pytest.raises(ExistsError):
        owner.client.namespaces.create(namespace)
    stranger = cast.join()
    for act in (stranger.client.namespaces.create, stranger.client.namespaces.get):
        with pytest.raises(ForbiddenError):
            act(namespace)
    with pytest.raises(ForbiddenError):
        stranger.client.namespaces.update(namespace, keep_versions=1)
