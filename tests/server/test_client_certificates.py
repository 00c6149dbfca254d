"""The TLS certificates of enrolled keys: short-lived, renewed in time, and revoked one by one."""

from __future__ import annotations

import datetime
import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sealwire.client import TlsIdentity
from sealwire.client.certificates import verified_renewal
from sealwire.core.keys import thumbprint
from sealwire.core.pki import (
    Validity,
    certificate_pem,
    certificate_request,
    new_tls_key,
    tls_key_pem,
)
from sealwire.server.invitations import open_store
from sealwire.server.key_service import MAX_REVOKED_CERTIFICATES
from sealwire.storage import Transaction
from sealwire.v1.keys_pb2 import RenewCertificateRequest
from tests.server.cast import Actor, Cast, refused
from tests.server.keyring import ask, certificate, renewed, rotated, serial, works
from tests.server.members import Member
from tests.server.served import Served
from tests.server.wire import UNAUTHENTICATED, wire, wire_of

RENEW = "/sealwire.v1.KeyService/RenewCertificate"
DAY_MS = 24 * 60 * 60 * 1000


def milliseconds(moment: datetime.datetime) -> int:
    return int(moment.timestamp() * 1000)


def uris(issued: x509.Certificate) -> list[str]:
    """Return every name in a certificate; all of them must be URIs."""
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert len(found) == len(list(names))
    return found


def revoke(by: Actor, member: Member, number: str) -> None:
    by.client.keys.revoke_certificate(member.key.public_key.key_id, number)


# Renewal.


def test_a_renewed_certificate_is_for_the_new_tls_key_and_the_same_signing_key(cast: Cast) -> None:
    actor, tls_key = cast.join(), new_tls_key()
    answer = actor.client.keys.renew_certificate(certificate_request(tls_key))
    renewal = verified_renewal(
        answer, tls_key=tls_key.public_key(), public_key_id=actor.key_id, now=cast.house.clock()
    )
    assert renewal.ca_pem == cast.house.deployment.ca_pem
    issued = x509.load_pem_x509_certificate(renewal.certificate_pem)
    assert uris(issued) == [cast.house.deployment.trust_domain.key_uri(actor.key_id)]
    with wire(actor.member.server, TlsIdentity(renewal.certificate_pem, tls_key_pem(tls_key))) as w:
        assert works(w, actor.member)
    assert works_still(actor.member)


def works_still(member: Member) -> bool:
    with wire_of(member) as line:
        return works(line, member)


def test_a_certificate_is_good_for_a_week_from_when_it_was_asked_for(own_cast: Cast) -> None:
    clock, member = own_cast.house.clock, own_cast.join().member
    for issued in (certificate(member), certificate(renewed(member))):
        end = milliseconds(issued.not_valid_after_utc)
        assert clock() + 7 * DAY_MS - 1000 < end <= clock() + 7 * DAY_MS
    clock.advance(6 * DAY_MS)
    later = certificate(renewed(member))
    assert milliseconds(later.not_valid_after_utc) > clock() + 7 * DAY_MS - 1000
    assert milliseconds(later.not_valid_before_utc) <= clock()


# case 6
def test_a_certificate_that_has_ended_renews_nothing(own_cast: Cast) -> None:
    clock, member = own_cast.house.clock, own_cast.join().member
    end = milliseconds(certificate(member).not_valid_after_utc)
    request = RenewCertificateRequest(certificate_request=certificate_request(new_tls_key()))
    with wire_of(member) as line:
        clock.advance(end - clock())
        assert line.answer(RENEW, member.signed(RENEW, request)).HasField("body")
        clock.advance(1)
        assert line.refusal(RENEW, member.signed(RENEW, request)) == UNAUTHENTICATED


# case 58
def test_nothing_but_the_key_is_taken_from_a_certificate_request(cast: Cast) -> None:
    actor, other, tls_key = cast.join(), cast.join(), new_tls_key()
    uri = cast.house.deployment.trust_domain.key_uri(other.key_id)
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, other.name)]))
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(tls_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    answer = actor.client.keys.renew_certificate(request)
    issued = x509.load_der_x509_certificate(answer.certificate)
    assert uris(issued) == uris(certificate(actor.member))
    assert issued.subject == certificate(actor.member).subject
    constraints = issued.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not constraints.ca


def signed_by_another() -> bytes:
    request = bytearray(certificate_request(new_tls_key()))
    request[-1] ^= 1
    return bytes(request)


def for_rsa() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"\x30\x00",
        certificate_request(new_tls_key())[:-1],
        signed_by_another(),
        for_rsa(),
        certificate_request(ec.generate_private_key(ec.SECP384R1())),
    ],
    ids=["empty", "no request", "cut", "signature", "RSA", "P-384"],
)
def test_a_certificate_request_of_another_form_is_refused(cast: Cast, request_bytes: bytes) -> None:
    actor = cast.join()
    assert refused(actor.client.keys.renew_certificate, request_bytes) == "MALFORMED"
    assert actor.client.keys.renew_certificate(certificate_request(new_tls_key())).certificate


# Revocation.


# case 7
def test_a_revoked_certificate_is_refused_on_its_open_connection_and_the_others_go_on(
    cast: Cast,
) -> None:
    admin, actor = cast.admin(), cast.join()
    first, second, third = actor.member, renewed(actor.member), renewed(actor.member)
    with wire_of(first) as one, wire_of(second) as two, wire_of(third) as three:
        assert all(works(line, first) for line in (one, two, three))
        revoke(cast.enter(third), first, serial(second))
        assert [works(line, first) for line in (one, two, three)] == [True, False, True]
        revoke(admin, first, serial(third))
        assert [works(line, first) for line in (one, two, three)] == [True, False, False]
        request = RenewCertificateRequest(certificate_request=certificate_request(new_tls_key()))
        for line in (two, three):
            assert ask(line, first).status == UNAUTHENTICATED
            assert line.refusal(RENEW, first.signed(RENEW, request)) == UNAUTHENTICATED
    assert not works_still(second)
    assert works_still(renewed(first))


# case 7
def test_a_certificate_that_revokes_itself_is_refused_from_then_on(cast: Cast) -> None:
    actor = cast.join()
    revoke(actor, actor.member, serial(actor.member))
    assert refused(actor.client.whoami) == "UNAUTHENTICATED"


def test_a_revoked_certificate_is_written_down_once(cast: Cast) -> None:
    admin, actor = cast.admin(), cast.join()
    for _ in range(2):
        revoke(admin, actor.member, "abc123")
    events = admin.client.identities.get(actor.name).events
    assert [event.kind for event in events] == ["certificate.revoked", "identity.enrolled"]
    assert (events[0].detail, events[0].actor) == ("abc123", admin.name)
    assert events[0].actor_key_id == admin.key_id


# case 53, case 58
def test_a_member_revokes_nobody_elses_certificate(cast: Cast) -> None:
    member, other = cast.join(), cast.join()
    attempt = member.client.keys.revoke_certificate
    for named in (other.key_id, thumbprint(b"nobody's")):
        assert refused(attempt, named, serial(other.member)) == "PERMISSION_DENIED"
    # Its number is of no use with a key of one's own.
    revoke(member, member.member, serial(other.member))
    assert other.client.whoami() == other.member.identity
    assert member.client.whoami() == member.member.identity


def test_a_certificate_is_revoked_by_the_key_that_it_was_issued_for(cast: Cast) -> None:
    admin, old = cast.admin(), cast.join().member
    new = rotated(old)
    revoke(admin, old, serial(new))
    assert works_still(new)
    revoke(admin, new, serial(new))
    assert not works_still(new)
    assert refused(revoke, admin, old, "") == "MALFORMED"
    unknown = thumbprint(b"nobody's")
    assert refused(admin.client.keys.revoke_certificate, unknown, "1") == "NOT_FOUND"


@pytest.mark.parametrize(
    "number",
    ["", "0", "01", "0xab", "AB", "ab\n", " ab", "ab cd", "ag", "-1", "\u0661", "1" * 41],
)
def test_a_serial_number_of_another_form_is_refused(cast: Cast, number: str) -> None:
    actor = cast.join()
    assert refused(revoke, actor, actor.member, number) == "MALFORMED"
    assert works_still(actor.member)


@pytest.mark.parametrize("number", ["1", "f", "7" + "f" * 39])
def test_any_serial_number_that_a_certificate_may_have_is_taken(cast: Cast, number: str) -> None:
    actor = cast.join()
    twin = twin_of(cast.house, actor.member, int(number, 16))
    with wire(actor.member.server, twin) as line:
        assert works(line, actor.member)
        revoke(actor, actor.member, number)
        assert ask(line, actor.member).status == UNAUTHENTICATED
    assert works_still(actor.member)


def twin_of(house: Served, member: Member, number: int) -> TlsIdentity:
    """Return a certificate for a member's key, of the deployment's CA, with any serial number."""
    key, authority = new_tls_key(), house.deployment.authority
    model, validity = certificate(member), Validity(house.clock(), days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(model.subject)
        .issuer_name(model.issuer)
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(validity.start)
        .not_valid_after(validity.end)
    )
    for extension in model.extensions:
        if not isinstance(extension.value, x509.SubjectKeyIdentifier):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    return TlsIdentity(
        certificate_pem(builder.sign(authority.key, hashes.SHA256())), tls_key_pem(key)
    )


# case 10
def test_a_certificate_of_the_same_name_and_number_is_another_keys(cast: Cast) -> None:
    alice, bob = cast.join(), cast.join()
    number = certificate(alice.member).serial_number
    twin = twin_of(cast.house, bob.member, number)
    with wire(bob.member.server, twin) as line:
        assert ask(line, alice.member).status == UNAUTHENTICATED
        assert works(line, bob.member)
        revoke(alice, alice.member, serial(alice.member))
        assert works(line, bob.member)
        revoke(bob, bob.member, f"{number:x}")
        assert ask(line, bob.member).status == UNAUTHENTICATED


def revoke_many(house: Served, key_id: str, count: int) -> None:
    """Revoke certificates of a key beside the running server."""

    def unit(tx: Transaction) -> None:
        for number in range(1, count + 1):
            tx.keys.revoke_certificate(key_id, f"{number:x}", now=house.clock())

    with open_store(house.deployment, random=os.urandom) as store:
        store.write_blocking(unit)


def test_of_one_key_a_thousand_certificates_are_revoked_and_no_more(cast: Cast) -> None:
    actor = cast.join()
    revoke_many(cast.house, actor.key_id, MAX_REVOKED_CERTIFICATES - 1)
    revoke(actor, actor.member, "ffff")
    assert refused(revoke, actor, actor.member, "fffe") == "TOO_MANY_CERTIFICATES"
    revoke(actor, actor.member, "ffff")  # which it is already
    after = cast.enter(rotated(actor.member))
    revoke(after, after.member, "fffe")
