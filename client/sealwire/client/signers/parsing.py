"""The one place where a text becomes a way to sign."""

from __future__ import annotations

from sealwire.client.signers.agent import AgentKey
from sealwire.client.signers.files import EncryptedKeyFile, ExistingKeyFile, NewKeyFile
from sealwire.client.signers.pkcs11_uri import SCHEME as PKCS11
from sealwire.client.signers.pkcs11_uri import Pkcs11Uri
from sealwire.client.signers.spec import ENCRYPTED, FILE, SignerSpec
from sealwire.client.signers.token_keys import TokenKey
from sealwire.core.errors import ConfigurationError


def parse_signer(text: str) -> SignerSpec:
    """Return what one of these stands for.

    file            a key in a file of the profile
    encrypted       the same, encrypted under a passphrase
    file:PATH       a key in another file, OpenSSH or PKCS #8; used where it lies
    agent[:WHICH]   a key of the ssh-agent: the only Ed25519 one, or the one of that key id, SHA256
                    fingerprint or comment
    pkcs11:…        a key on a token (RFC 7512)

    Raises:
        ConfigurationError: if it is none of them.
    """
    scheme, _, rest = text.partition(":")
    if text == FILE:
        return NewKeyFile()
    if text == ENCRYPTED:
        return EncryptedKeyFile()
    if scheme == "file" and rest:
        return ExistingKeyFile.at(rest)
    if text == "agent" or (scheme == "agent" and rest):
        return AgentKey(rest)
    if scheme == PKCS11:
        return TokenKey(Pkcs11Uri.parse(text))
    raise ConfigurationError(
        "This names no place where a key can live; use file, encrypted, file:PATH, agent, "
        "agent:WHICH or pkcs11:URI."
    )
