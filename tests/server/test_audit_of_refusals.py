"""Whoever is refused for what became of a key, name or certificate: one text; the log knows why."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sealwire.client import Client, UnauthenticatedError
from sealwire.core.invitation import Invitation
from sealwire.core.pki import certificate_request, new_tls_key
from sealwire.v1.identity_pb2 import EnrollRequest, WhoAmIRequest
from sealwire.v1.keys_pb2 import NextKey, RenewCertificateRequest, RotateKeyRequest
from tests.server.keyring import certified, new_key, proof, renewed, rotated, serial, works
from tests.server.members import Member, bootstrap, enrol, invite
from tests.server.processes import ServerProcess, init
from tests.server.wire import ENROLL, UNAUTHENTICATED, WHOAMI, wire, wire_of

RENEW = "/sealwire.v1.KeyService/RenewCertificate"
ROTATE = "/sealwire.v1.KeyService/RotateKey"
INACTIVE = "The key id is not known, or the key is not active."


@dataclass(frozen=True)
class House:
    """A server process, and an admin with an open connection."""

    process: ServerProcess
    admin: Client

    def join(self, name: str) -> Member:
        """Return somebody new."""
        return enrol(invite(self.process.deployment, name))

    def logged(self, before: int) -> list[dict[str, Any]]:
        """Return what was logged since there were `before` lines."""
        return self.process.log()[before:]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = init(tmp_path_factory.mktemp("audited") / "deployment")
    with ServerProcess(directory) as process:
        root = enrol(invite(process.deployment, "root", role="admin"))
        with root.client() as admin:
            yield House(process, admin)


def suspended(house: House) -> tuple[Member, str]:
    member = house.join("suspended")
    house.admin.identities.suspend("suspended")
    return member, INACTIVE


def removed(house: House) -> tuple[Member, str]:
    member = house.join("removed")
    house.admin.identities.remove("removed")
    return member, INACTIVE


def revoked(house: House) -> tuple[Member, str]:
    member = house.join("revoked")
    house.admin.keys.revoke(member.key.public_key.key_id)
    return member, INACTIVE


def replaced(house: House) -> tuple[Member, str]:
    member = house.join("replaced")
    rotated(member)
    return member, INACTIVE


def not_active_yet(house: House) -> tuple[Member, str]:
    return certified(house.join("not active yet")), INACTIVE


def with_a_revoked_certificate(house: House) -> tuple[Member, str]:
    member = renewed(house.join("shown"))
    house.admin.keys.revoke_certificate(member.key.public_key.key_id, serial(member))
    return member, "The client certificate is revoked."


def with_the_successors_certificate(house: House) -> tuple[Member, str]:
    member = house.join("hasty")
    swapped = dataclasses.replace(member, tls=certified(member).tls)
    return swapped, "The client certificate belongs to another key."


# case 7, case 16, case 17
@pytest.mark.parametrize(
    "case",
    [
        suspended,
        removed,
        revoked,
        replaced,
        not_active_yet,
        with_a_revoked_certificate,
        with_the_successors_certificate,
    ],
)
def test_who_may_not_act_any_more_is_told_nothing_and_the_operator_why(
    house: House, case: Callable[[House], tuple[Member, str]]
) -> None:
    member, reason = case(house)
    before = len(house.process.log())
    with wire_of(member) as line:
        signed = member.signed(WHOAMI, WhoAmIRequest())
        assert line.refusal(WHOAMI, signed) == UNAUTHENTICATED
    (entry,) = house.logged(before)
    assert (entry["event"], entry["method"], entry["detail"]) == ("refused", WHOAMI, reason)
    assert entry["claimed_key_id"] == member.key.public_key.key_id


def test_a_proof_that_does_not_hold_is_told_to_the_log_only(house: House) -> None:
    member = house.join("prover")
    forged = proof(new_key(), member)
    forged = NextKey(public_key=forged.public_key, signature=bytes(64))
    before = len(house.process.log())
    request = certificate_request(new_tls_key())
    with wire_of(member) as line:
        for path, message in (
            (ROTATE, RotateKeyRequest(next_key=forged)),
            (RENEW, RenewCertificateRequest(certificate_request=request, next_key=forged)),
        ):
            assert line.refusal(path, member.signed(path, message)) == UNAUTHENTICATED
        assert works(line, member)
    entries = house.logged(before)
    assert [entry["detail"] for entry in entries] == ["The signature does not hold."] * 2
    assert [entry["method"] for entry in entries] == [ROTATE, RENEW]


def test_an_invitation_that_is_not_good_is_told_to_the_log_only(house: House) -> None:
    invitation, other = (invite(house.process.deployment, name) for name in ("carol", "dave"))
    first = enrol(invitation)
    with first.client() as client:
        client.keys.revoke(first.key.public_key.key_id)
    unknown = "The invitation is unknown, used up or expired"
    attempts = [
        (invitation, new_key(), unknown),
        (dataclasses.replace(other, token=bytes(32)), new_key(), unknown),
        (dataclasses.replace(other, token=invitation.token), new_key(), unknown),
        (other, first.key, unknown),
        (invitation, first.key, "The key that spent this invitation may not act any more."),
        (
            dataclasses.replace(other, invitation_id=invitation.invitation_id),
            new_key(),
            "The invitation is not the bootstrap certificate's.",
        ),
    ]
    for shown, key, reason in attempts:
        before = len(house.process.log())
        with pytest.raises(UnauthenticatedError) as refused:
            enrol(shown, key=key)
        assert refused.value.status_reason == "UNAUTHENTICATED"
        (entry,) = house.logged(before)
        assert (entry["event"], entry["method"]) == ("refused", ENROLL)
        assert entry["detail"].startswith(reason)
        assert entry["claimed_key_id"] == key.public_key.key_id
    assert enrol(other).identity.name == "dave"


def test_an_inviter_who_may_not_invite_any_more_is_told_to_the_log_only(house: House) -> None:
    inviter = enrol(invite(house.process.deployment, "inviter", role="admin"))
    with inviter.client() as client:
        data = client.identities.invite("heidi")
    invitation = dataclasses.replace(Invitation.from_json(data), server=inviter.server)
    house.admin.identities.demote("inviter")
    before = len(house.process.log())
    with pytest.raises(UnauthenticatedError):
        enrol(invitation)
    (entry,) = house.logged(before)
    assert entry["detail"] == "Who made this invitation may not invite any more."


def test_all_of_these_look_the_same_outside(house: House) -> None:
    invitation = invite(house.process.deployment, "erin")
    stranger = dataclasses.replace(house.join("frank"), key=new_key())
    request = EnrollRequest(invitation_id=invitation.invitation_id, token=bytes(32))
    request.certificate_request = certificate_request(new_tls_key())
    with wire(invitation.server, bootstrap(invitation)) as line:
        signed = stranger.signed(ENROLL, request)
        wrong = line.refusal(ENROLL, signed, presented=stranger.key.public_key.raw)
    with wire_of(stranger) as line:
        unknown = line.refusal(WHOAMI, stranger.signed(WHOAMI, WhoAmIRequest()))
    assert wrong.SerializeToString() == unknown.SerializeToString()


def test_who_is_admitted_and_may_not_is_no_refusal_of_a_request(house: House) -> None:
    """What an authentic caller may not do is answered with a reason, and is nobody's alarm."""
    member = house.join("grace")
    before = len(house.process.log())
    with member.client() as client, pytest.raises(Exception, match="no right"):
        client.identities.get("root")
    assert house.logged(before) == []
