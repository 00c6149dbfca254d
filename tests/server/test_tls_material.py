"""Which hosts a certificate is for, as a client that dials one of them sees it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from cryptography import x509

from sealwire.core.clock import system_clock
from sealwire.core.errors import ConfigurationError
from sealwire.server.config import FILE_NAME, read_config
from sealwire.server.tls_material import hosts_of, is_among, load_tls
from tests.support.pki import Pki


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (["localhost"], "localhost"),
        (["db", "localhost"], "localhost"),
        (["localhost"], "LocalHost"),
        (["DB.Example.com"], "db.example.com"),
        (["127.0.0.1"], "127.0.0.1"),
        (["::1"], "[::1]"),
        (["2001:db8::1"], "[2001:DB8:0:0::1]"),
        (["*.example.com"], "db.example.com"),
    ],
)
def test_a_host_is_found_among_the_names(names: list[str], host: str) -> None:
    assert is_among(names, host)


@pytest.mark.parametrize(
    ("names", "host"),
    [
        ([], "localhost"),
        (["localhost"], "localhost.example.com"),
        (["example.com"], "db.example.com"),
        (["*.example.com"], "example.com"),
        (["*.example.com"], "a.db.example.com"),
        (["*"], "localhost"),
        (["d*.example.com"], "db.example.com"),
        (["127.0.0.1"], "127.0.0.2"),
        (["::1"], "127.0.0.1"),
    ],
)
def test_another_host_is_not(names: list[str], host: str) -> None:
    assert not is_among(names, host)


def test_the_names_of_a_certificate_are_those_it_was_issued_for() -> None:
    pki = Pki.create()
    hosts = ["db.example.com", "db", "10.1.2.3", "2001:db8::1"]
    certificate = x509.load_pem_x509_certificate(pki.server(*hosts).certificate_pem)
    assert hosts_of(certificate) == hosts
    assert hosts_of(pki.authority.certificate) == []


def test_a_deployment_is_fit_to_be_served_at_its_address_and_no_other(directory: Path) -> None:
    material, config = load_tls(directory), read_config(directory / FILE_NAME)
    material.require_servable(config, now=system_clock())
    elsewhere = dataclasses.replace(config, address="localhost:7443")
    with pytest.raises(ConfigurationError, match=r"not for localhost, the host of address"):
        material.require_servable(elsewhere, now=system_clock())


def test_a_repr_holds_no_key(directory: Path) -> None:
    material = load_tls(directory)
    assert "PRIVATE" not in repr(material)
    assert "key=" not in repr(material)
