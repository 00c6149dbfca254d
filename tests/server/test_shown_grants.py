"""Who sees which grants: those who may grant see all that cover a namespace."""

from __future__ import annotations

import pytest

from sealwire.v1.permissions_pb2 import (
    EFFECT_ALLOW,
    EFFECT_DENY,
    SCOPE_EXACT,
    Effect,
)
from tests.server.cast import ALL, Actor, Cast, exact, refused, words

DENIED = "PERMISSION_DENIED"


@pytest.mark.parametrize("verb", ALL.split())
def test_grants_are_shown_to_those_who_may_grant_and_to_nobody_else(
    owner: Actor, guest: Actor, owned: str, verb: str
) -> None:
    owner.grant(guest, verb, owned)
    if verb in {"share", "admin"}:
        assert guest.client.permissions.grants(owned) == owner.client.permissions.grants(owned)
    else:
        assert refused(guest.client.permissions.grants, owned) == DENIED


def test_the_grants_of_a_namespace_are_all_that_cover_it_and_no_others(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    group = cast.group(cast.admin(), guest)
    owner.grant(guest, "read", owned)
    owner.grant(group, "list", f"{owned}/a")
    owner.deny(guest, "delete", f"{owned}/a", scope=SCOPE_EXACT)
    exact(owner, guest, "share", owned)  # not of what is below
    owner.grant(guest, "write", f"{owned}/a/b")  # below
    owner.grant(guest, "write", f"{owned}/a2")  # beside

    def told(namespace: str) -> set[tuple[str, str, str, Effect]]:
        return {
            (
                grant.subject.identity or f"group:{grant.subject.group}",
                words([grant.verb]),
                grant.namespace.removeprefix(owned),
                grant.effect,
            )
            for grant in owner.client.permissions.grants(namespace)
            if grant.granted_by
        }

    assert told(f"{owned}/a") == {
        (guest.name, "read", "", EFFECT_ALLOW),
        (f"group:{group}", "list", "/a", EFFECT_ALLOW),
        (guest.name, "delete", "/a", EFFECT_DENY),
    }
