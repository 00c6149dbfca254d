"""Whose certificates are trusted: by path, by moment, and on connections that are open already."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sealwire.client import TlsIdentity
from sealwire.core.clock import system_clock
from sealwire.core.errors import AuthenticationError, Code, MalformedError
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import CertificateAuthority, Validity
from sealwire.interceptors import Binding, EnrolledKey, ReloadableTls, TrustedIssuers
from sealwire.interceptors.transport import Peer, authenticate_transport
from tests.interceptors.shop import Line, Shop, open_shop
from tests.interceptors.test_transport import Connected
from tests.support.pki import DAY_MS, TRUST_DOMAIN, Client, Pki
from tests.support.rpc_errors import failed_call
from tests.support.servers import House


def peer_of(tls: TlsIdentity, *above: Pki) -> Peer:
    """Return what the server sees of a client that shows these certificates."""
    properties = {"ssl_tls_version": [b"TLSv1.3"], "x509_pem_cert": [tls.certificate_pem]}
    if above:
        properties["x509_pem_cert_chain"] = [b"".join(pki.ca_pem for pki in above)]
    return authenticate_transport(Connected(properties), now=system_clock())


def is_trusted(
    peer: Peer, *authorities: Pki, outside: Iterable[Pki] = (), now: int | None = None
) -> bool:
    """Tell whether a peer is trusted by a server that trusts these CAs."""
    issuers = TrustedIssuers(
        [pki.authority.certificate for pki in authorities],
        trust_domain=TRUST_DOMAIN,
        outside=[pki.authority.certificate for pki in outside],
    )
    try:
        issuers.check(peer, now=now or system_clock())
    except AuthenticationError:
        return False
    return True


@pytest.fixture
def outside() -> Pki:
    """A root CA that may have others below it."""
    validity = Validity(system_clock(), days=1)
    return Pki(CertificateAuthority.create("Outside root", validity=validity))


def test_a_certificate_is_trusted_under_any_of_the_cas_and_no_other(pki: Pki) -> None:
    # case 8
    peer, other = peer_of(pki.client().tls), Pki.create()
    assert is_trusted(peer, pki)
    assert is_trusted(peer, other, pki)
    assert not is_trusted(peer, other)
    assert not is_trusted(peer)


def test_a_ca_of_the_same_name_is_another_ca(pki: Pki) -> None:
    # case 5
    same_name = Pki.create()
    assert same_name.authority.certificate.subject == pki.authority.certificate.subject
    assert not is_trusted(peer_of(pki.client().tls), same_name)


def test_a_path_over_intermediates_is_followed_up_to_a_trusted_ca(outside: Pki) -> None:
    middle = Pki.under(outside.authority, below=1)
    issuing = Pki.under(middle.authority)
    leaf = issuing.client().tls
    for above in ((middle, issuing), (issuing, middle), (issuing, middle, outside)):
        assert is_trusted(peer_of(leaf, *above), outside)
        assert is_trusted(peer_of(leaf, *above), middle)
    assert is_trusted(peer_of(leaf), issuing)
    assert not is_trusted(peer_of(leaf, middle), outside)
    assert not is_trusted(peer_of(leaf, issuing), outside)
    assert not is_trusted(peer_of(leaf, middle, issuing), Pki.create())


def test_an_intermediate_ca_that_may_have_none_below_it_has_none(outside: Pki) -> None:
    middle = Pki.under(outside.authority, below=0)
    issuing = Pki.under(middle.authority)
    assert not is_trusted(peer_of(issuing.client().tls, issuing, middle), outside)
    assert is_trusted(peer_of(middle.client().tls, middle), outside)


def test_certificates_that_issued_each_other_lead_nowhere(outside: Pki) -> None:
    one = Pki.under(outside.authority)
    two = Pki.under(one.authority)
    assert not is_trusted(peer_of(two.client().tls, two, one, one, two), Pki.create())


def test_a_clients_certificate_issues_nothing(pki: Pki) -> None:
    # case 5
    key_holder = Pki(
        CertificateAuthority(
            x509.load_pem_x509_certificate(pki.client().tls.certificate_pem),
            pki.authority.key,
        )
    )
    forged = key_holder.client().tls
    assert not is_trusted(peer_of(forged, key_holder), pki)
    assert not is_trusted(peer_of(forged), key_holder)


def test_what_a_ca_issued_ends_with_the_ca(outside: Pki) -> None:
    # case 8
    short = Pki.under(outside.authority, validity=Validity(system_clock(), days=0.25))
    peer = peer_of(short.client().tls, short)
    later = system_clock() + DAY_MS // 2
    assert peer.not_after > later
    assert is_trusted(peer, outside)
    assert not is_trusted(peer, outside, now=later)
    assert not is_trusted(peer, short, now=later)


def test_of_two_certificates_of_one_ca_the_one_that_lasts_longer_counts(outside: Pki) -> None:
    authority = outside.authority
    late = Pki.under(authority)
    name, key = late.authority.certificate.subject, late.authority.key
    period = Validity(system_clock(), days=0.25)
    ends_early = Pki(
        CertificateAuthority(
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(authority.certificate.subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(period.start)
            .not_valid_after(period.end)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(authority.key, hashes.SHA256()),
            key,
        )
    )
    peer, later = peer_of(late.client().tls), system_clock() + DAY_MS // 2
    assert is_trusted(peer, ends_early, late, now=later)
    assert is_trusted(peer, late, ends_early, now=later)
    assert not is_trusted(peer, ends_early, now=later)


KEY_NAME = TRUST_DOMAIN.key_uri("x")
OUTSIDE_NAME = "spiffe://outside.example/service"


# case 5, case 9
@pytest.mark.parametrize(
    "name",
    [
        KEY_NAME,
        TRUST_DOMAIN.invitation_uri("x"),
        f"spiffe://{TRUST_DOMAIN.name}",
        f"spiffe://{TRUST_DOMAIN.name}/",
        KEY_NAME.replace("spiffe", "SPIFFE"),
        KEY_NAME.replace(TRUST_DOMAIN.name, TRUST_DOMAIN.name.upper()),
    ],
)
def test_an_outside_ca_is_trusted_with_no_name_of_the_trust_domain(
    pki: Pki, outside: Pki, name: str
) -> None:
    issuing = Pki.under(outside.authority)
    for peer in (
        peer_of(outside.certificate_for(name)),
        peer_of(issuing.certificate_for(name), issuing),
        peer_of(issuing.certificate_for(name), issuing, outside, pki),
    ):
        assert not is_trusted(peer, pki, outside=[outside, issuing])
        assert is_trusted(peer, outside, issuing, outside=[pki])
    assert is_trusted(peer_of(pki.certificate_for(name)), pki, outside=[outside])


@pytest.mark.parametrize(
    "name",
    [
        OUTSIDE_NAME,
        f"spiffe://{TRUST_DOMAIN.name}.example/key/x",
        f"spiffe://a.{TRUST_DOMAIN.name}/key/x",
        f"https://{TRUST_DOMAIN.name}/key/x",
    ],
)
def test_an_outside_ca_is_trusted_with_names_of_its_own(pki: Pki, outside: Pki, name: str) -> None:
    issuing = Pki.under(outside.authority)
    peer = peer_of(issuing.certificate_for(name), issuing)
    assert is_trusted(peer, pki, outside=[outside])
    assert not is_trusted(peer, pki)
    assert not is_trusted(peer, pki, outside=[Pki.create()])
    assert is_trusted(peer_of(pki.certificate_for(name)), pki, outside=[outside])


def test_a_client_with_an_intermediate_ca_is_served(house: House, outside: Pki) -> None:
    issuing = Pki.under(outside.authority)
    tls = reloadable(house, house.pki, outside)
    house.certificates = tls
    with open_shop(house, credentials=tls.credentials()) as shop:
        chained = client_under(issuing, shop.alice.key, above=issuing)
        with shop.line_of(chained) as line:
            line.place(shop.order())


def client_under(pki: Pki, key: PrivateKey, *, above: Pki | None = None) -> Client:
    """Return a client whose certificate another CA issued for its key."""
    own = pki.certificate_for(TRUST_DOMAIN.key_uri(key.public_key.key_id))
    chain = own.certificate_pem + (above.ca_pem if above else b"")
    return Client(key, TlsIdentity(chain, own.key_pem))


def material(server: Pki, *trusted: Pki) -> dict[str, bytes]:
    """Return a server's TLS: its own certificate from one CA, its clients' from several."""
    identity = server.server()
    return {
        "certificate_chain": identity.certificate_pem,
        "private_key": identity.key_pem,
        "client_ca": b"".join(pki.ca_pem for pki in trusted),
    }


def reloadable(house: House, *trusted: Pki) -> ReloadableTls:
    return ReloadableTls(trust_domain=TRUST_DOMAIN, **material(house.pki, *trusted))


def assert_no_handshake(shop: Shop, client: Client) -> None:
    with shop.line_of(client) as line, pytest.raises(grpc.RpcError) as failed:
        line.place(shop.order())
    assert failed_call(failed.value).code() is grpc.StatusCode.UNAVAILABLE


def test_a_ca_is_rotated_while_the_server_serves(house: House) -> None:
    # case 8
    new = Pki.create()
    tls = reloadable(house, house.pki)
    house.certificates = tls
    with open_shop(house, credentials=tls.credentials()) as shop:
        renewed = client_under(new, shop.alice.key)
        shop.line.place(shop.order())
        assert_no_handshake(shop, renewed)
        tls.replace(**material(house.pki, new, house.pki))
        for client in (shop.alice, renewed):
            with shop.line_of(client) as line:
                line.place(shop.order())
        shop.line.place(shop.order())
        with shop.line_of(renewed) as line:
            line.place(shop.order())
            tls.replace(**material(house.pki, new))
            # The cut-off: no handshake, and no request on what was open.
            assert_no_handshake(shop, shop.alice)
            assert shop.line.refusal(shop.order()).code == Code.UNAUTHENTICATED
            assert "issuer is not trusted" in str(house.refusals[-1].error)
            line.place(shop.order())
        assert len(house.refusals) == 1


def test_a_servers_new_certificate_is_shown_from_the_next_handshake_on(house: House) -> None:
    # case 8
    new = Pki.create()
    tls = reloadable(house, house.pki)
    with open_shop(house, credentials=tls.credentials()) as shop:
        shop.line.place(shop.order())
        tls.replace(**material(new, house.pki))
        shop.line.place(shop.order())
        assert_no_handshake(shop, shop.alice)  # this client trusts the old CA only
        credentials = grpc.ssl_channel_credentials(
            new.ca_pem, shop.alice.tls.key_pem, shop.alice.tls.certificate_pem
        )
        with grpc.secure_channel(house.address, credentials) as channel:
            Line(channel, shop.line.server_key).place(shop.order())


def test_each_port_learns_of_a_change(house: House) -> None:
    new = Pki.create()
    tls = reloadable(house, house.pki)
    with open_shop(house, credentials=tls.credentials()):
        ports = [house.port]
        with open_shop(house, credentials=tls.credentials()) as shop:
            ports.append(house.port)
            tls.replace(**material(house.pki, house.pki, new))
            for house.port in ports:
                with shop.line_of(client_under(new, shop.alice.key)) as line:
                    line.place(shop.order())


# case 5, case 8, case 9
def test_an_outside_cas_client_comes_with_a_name_of_its_own_and_no_other(
    house: House, outside: Pki
) -> None:
    house.certificates = tls = reloadable(house, house.pki)
    house.binding = Binding.REGISTERED
    with open_shop(house, credentials=tls.credentials()) as shop:
        forged = client_under(outside, shop.alice.key)
        assert_no_handshake(shop, forged)
        tls.replace(**material(house.pki, house.pki), outside_ca=outside.ca_pem)
        with shop.line_of(forged) as line:
            assert line.refusal(shop.order()).code == Code.UNAUTHENTICATED
        assert "issuer is not trusted" in str(house.refusals[-1].error)
        shop.line.place(shop.order())
        house.change(shop.alice, registered)
        own = Client(shop.alice.key, outside.certificate_for(OUTSIDE_NAME))
        with shop.line_of(own) as line:
            line.place(shop.order())
            tls.replace(**material(house.pki, house.pki))
            assert line.refusal(shop.order()).code == Code.UNAUTHENTICATED
            assert_no_handshake(shop, own)


def registered(known: EnrolledKey) -> EnrolledKey:
    return dataclasses.replace(known, certificate_uri=OUTSIDE_NAME)


@pytest.mark.parametrize("setting", ["client_ca", "outside_ca"])
@pytest.mark.parametrize("client_ca", [b"", b"no certificate", bytes(range(64))])
def test_what_is_no_ca_changes_nothing(house: House, setting: str, client_ca: bytes) -> None:
    tls = reloadable(house, house.pki)
    house.certificates = tls
    with open_shop(house, credentials=tls.credentials()) as shop:
        with pytest.raises(MalformedError):
            tls.replace(**{**material(Pki.create()), setting: client_ca})
        shop.line.place(shop.order())
        with shop.line_of(shop.alice) as line:
            line.place(shop.order())
