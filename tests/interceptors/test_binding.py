"""Which certificate carries a key's requests: the strict binding, and the registered one."""

from __future__ import annotations

import dataclasses

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sealwire.client import TlsIdentity
from sealwire.core.errors import Code
from sealwire.core.pki import certificate_pem, new_tls_key, tls_key_pem
from sealwire.interceptors import Binding
from tests.interceptors.shop import Shop, open_shop
from tests.support.pki import TRUST_DOMAIN, Client
from tests.support.servers import House

OUTSIDE = "spiffe://example.org/ns/shop/sa/orders"


def register(shop: Shop, uri: str | None) -> None:
    """Let alice's key be enrolled with an outside certificate."""
    shop.house.change(shop.alice, lambda known: dataclasses.replace(known, certificate_uri=uri))


def accepted(shop: Shop, uri: str) -> bool:
    """Tell whether a certificate with this name carries alice's request."""
    tls = shop.house.pki.certificate_for(uri)
    with shop.line_of(Client(shop.alice.key, tls)) as line:
        order = shop.order()
        try:
            line.place(order)
        except grpc.RpcError as error:
            status = line.signed_status(error, [order])
            assert status.code == Code.UNAUTHENTICATED
            assert "belongs to another key" in str(shop.house.refusals[-1].error)
            return False
    return True


SIMILAR = [
    OUTSIDE + "/",
    OUTSIDE + "/x",
    OUTSIDE[:-1],
    OUTSIDE.upper(),
    OUTSIDE.replace("example.org", "example.com"),
    OUTSIDE.replace("/ns/", "//ns/"),
    OUTSIDE + "?",
    OUTSIDE.replace("orders", "%6frders"),
    "spiffe://example.org/*",
]


def test_a_registered_name_is_accepted_and_only_exactly(house: House) -> None:
    # case 9
    house.binding = Binding.REGISTERED
    with open_shop(house) as shop:
        register(shop, OUTSIDE)
        assert accepted(shop, OUTSIDE)
        for uri in SIMILAR:
            assert not accepted(shop, uri), uri


def test_a_key_with_a_registered_name_is_not_bound_to_its_own_as_well(house: House) -> None:
    # case 9
    house.binding = Binding.REGISTERED
    with open_shop(house) as shop:
        own = TRUST_DOMAIN.key_uri(shop.alice.key_id)
        register(shop, OUTSIDE)
        assert not accepted(shop, own)


@pytest.mark.parametrize("none", [None, ""])
def test_a_key_without_a_registered_name_is_bound_strictly(house: House, none: str | None) -> None:
    # case 9
    house.binding = Binding.REGISTERED
    with open_shop(house) as shop:
        register(shop, none)
        assert accepted(shop, TRUST_DOMAIN.key_uri(shop.alice.key_id))
        assert not accepted(shop, OUTSIDE)


def test_strict_is_the_default_and_knows_no_registered_names(house: House) -> None:
    # case 9
    with open_shop(house) as shop:
        register(shop, OUTSIDE)
        assert not accepted(shop, OUTSIDE)
        assert accepted(shop, TRUST_DOMAIN.key_uri(shop.alice.key_id))


def test_one_registered_name_does_not_carry_the_requests_of_another_key(house: House) -> None:
    # case 9
    house.binding = Binding.REGISTERED
    with open_shop(house) as shop:
        bob = house.enrol("bob")
        house.change(bob, lambda known: dataclasses.replace(known, certificate_uri=OUTSIDE))
        register(shop, OUTSIDE + "-2")
        assert not accepted(shop, OUTSIDE)


def twin(shop: Shop, uri: str) -> TlsIdentity:
    """Return an identity with the subject and the serial number of alice's, and another key."""
    original = x509.load_pem_x509_certificate(shop.alice.tls.certificate_pem)
    key = new_tls_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(original.subject)
        .issuer_name(original.issuer)
        .serial_number(original.serial_number)
        .public_key(key.public_key())
        .not_valid_before(original.not_valid_before_utc)
        .not_valid_after(original.not_valid_after_utc)
    )
    usage = original.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    builder = builder.add_extension(usage.value, critical=False)
    builder = builder.add_extension(names, critical=False)
    certificate = builder.sign(shop.house.pki.authority.key, hashes.SHA256())
    return TlsIdentity(certificate_pem(certificate), tls_key_pem(key))


def test_the_same_subject_and_serial_number_are_not_the_same_identity(house: House) -> None:
    # case 10
    with open_shop(house) as shop:
        mallory = house.enrol("mallory")
        tls = twin(shop, TRUST_DOMAIN.key_uri(mallory.key_id))
        with shop.line_of(Client(shop.alice.key, tls)) as line:
            assert line.refusal(shop.order()).code == Code.UNAUTHENTICATED
        assert "belongs to another key" in str(house.refusals[-1].error)
        assert shop.service.entered == 0
        shop.line.place(shop.order())
