"""Keys in OpenSSH's own agent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from sealwire.client.signers import SignerError, parse_signer
from sealwire.core.envelope import pae
from sealwire.core.keys import PublicKey, Signer
from tests.cli.ssh_agents import SshAgent, fingerprint, needs_openssh, running_agent

pytestmark = needs_openssh
SEAT = Path()
STATEMENT = pae("application/vnd.example", b"payload")


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[SshAgent]:
    with running_agent() as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", agent.socket)
        yield agent


def opened(which: str = "") -> Signer:
    return parse_signer(f"agent:{which}" if which else "agent").open(SEAT)


def public_key(path: Path) -> PublicKey:
    key = serialization.load_ssh_public_key(path.read_bytes())
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return PublicKey.from_bytes(raw)


def test_an_agent_signs_with_its_one_ed25519_key(agent: SshAgent) -> None:
    agent.new_key("rsa", kind="rsa")
    agent.new_key("ecdsa", kind="ecdsa")
    key = public_key(agent.new_key("alice"))
    signer = opened()
    assert signer.public_key == key
    key.verify(signer.sign(STATEMENT), STATEMENT)


def test_a_key_is_chosen_as_ssh_names_it(agent: SshAgent) -> None:
    agent.new_key("alice")
    path = agent.new_key("bob")
    key = public_key(path)
    for which in ("bob", fingerprint(path), key.key_id):
        assert opened(which).public_key == key
    with pytest.raises(SignerError, match="holds 2 keys"):
        opened()


def test_the_largest_statement_that_the_agent_takes_is_signed(agent: SshAgent) -> None:
    agent.new_key("alice")
    signer = opened()
    head = len(pae("application/vnd.example", bytes(260_000))) - 260_000
    largest = 256 * 1024 - (1 + 4 + 51 + 4 + 4) - head
    statement = pae("application/vnd.example", bytes(largest))
    signer.public_key.verify(signer.sign(statement), statement)
    with pytest.raises(SignerError, match="at most 256 KiB"):
        signer.sign(pae("application/vnd.example", bytes(largest + 1)))


def test_rsa_keys_alone_are_no_key(agent: SshAgent) -> None:
    agent.new_key("rsa", kind="rsa")
    with pytest.raises(SignerError, match="no Ed25519 key"):
        opened()
    with pytest.raises(SignerError, match="no key 'rsa'"):
        opened("rsa")


def test_a_locked_agent_signs_nothing_until_it_is_unlocked(agent: SshAgent) -> None:
    agent.new_key("alice")
    signer = opened()
    agent.lock()
    with pytest.raises(SignerError, match="ssh-add -X"):
        signer.sign(STATEMENT)
    with pytest.raises(SignerError, match="ssh-add -X"):
        opened()
    agent.unlock()
    assert signer.sign(STATEMENT) == opened().sign(STATEMENT)


def test_a_use_that_somebody_declines_is_told(agent: SshAgent) -> None:
    agent.new_key("alice", "-c")
    signer = opened()
    with pytest.raises(SignerError, match="declined to confirm"):
        signer.sign(STATEMENT)


def test_a_key_that_was_taken_away_signs_nothing(agent: SshAgent) -> None:
    agent.new_key("alice")
    signer = opened()
    agent.add("-D")
    with pytest.raises(SignerError, match="refused"):
        signer.sign(STATEMENT)
