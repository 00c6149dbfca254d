"""Signing on a PKCS #11 token with CKM_EDDSA (PKCS #11 3.0, section 2.3.14); needs python-pkcs11.

A token that counts wrong PINs locks after a few, so a PIN is tried once, and never the last time.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, TokenFlag
from pkcs11.exceptions import PinIncorrect, PKCS11Error, UserAlreadyLoggedIn
from pkcs11.types import SignMixin

from sealwire.client.signers.errors import SignerError
from sealwire.client.signers.passphrases import pin_of, secret_line
from sealwire.client.signers.pkcs11_uri import Pkcs11Uri
from sealwire.client.signers.statements import signed_elsewhere
from sealwire.core.errors import MalformedError
from sealwire.core.keys import PUBLIC_KEY_BYTES, PublicKey

_DER_OCTETS: Final = bytes([0x04, PUBLIC_KEY_BYTES])


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """Signs on a token, in a session that lasts as long as the process; a `Signer`."""

    public_key: PublicKey
    key: SignMixin
    key_id: bytes
    """CKA_ID; empty if the key has none."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def sign(self, message: bytes) -> bytes:
        """Return the token's signature of a statement, verified.

        Raises:
            SignerError: if the token gives none, or one that does not hold.
        """
        return signed_elsewhere(message, key=self.public_key, sign=self._ask, where="The token")

    def _ask(self, message: bytes) -> bytes:
        try:
            with self._lock:  # a session has one operation under way
                return self.key.sign(message, mechanism=Mechanism.EDDSA)
        except PKCS11Error as error:
            raise _failure("did not sign", error) from error


def open_token(uri: Pkcs11Uri) -> TokenSigner:
    """Log in to the token that `uri` names, and return its key.

    Raises:
        SignerError: if the module, the token or the key is missing or there are several, the PIN is
            wrong, or logging in could lock the token.
    """
    token = _token(uri)
    session = _session(token, uri)
    try:
        key = _private_key(session, uri)
        key_id: bytes = key[Attribute.ID]
        point = _public_half(session, key)[Attribute.EC_POINT]
    except PKCS11Error as error:
        raise _failure("did not show its keys", error) from error
    return TokenSigner(_public_key(point), key, key_id)


def require_tries(flags: TokenFlag) -> None:
    """Return if one wrong PIN would not lock a token with these flags.

    Raises:
        SignerError: if it would, or the token is locked.
    """
    if flags & (TokenFlag.USER_PIN_FINAL_TRY | TokenFlag.USER_PIN_LOCKED):
        raise SignerError(
            "After wrong PINs the token is locked, or will be after one more, so none was tried; "
            "log in, or unlock it, with the token's own program."
        )


def _token(uri: Pkcs11Uri) -> pkcs11.Token:
    try:
        tokens = list(pkcs11.lib(str(uri.module)).get_tokens())
    except PKCS11Error as error:
        raise SignerError(
            f"The PKCS #11 module {str(uri.module)!r} can't be used ({_detail(error)}); check the "
            "module-path."
        ) from error
    matching = [token for token in tokens if _description(token).items() >= uri.token.items()]
    if len(matching) != 1:
        raise SignerError(
            f"The PKCS #11 module has {len(matching)} tokens that the URI could mean; it must name "
            "one, by token=LABEL or serial=NUMBER, and the token must be plugged in."
        )
    return matching[0]


def _description(token: pkcs11.Token) -> dict[str, str]:
    return {
        "token": token.label,
        "serial": token.serial.decode("utf-8", "replace").rstrip(" \0"),
        "model": token.model,
        "manufacturer": token.manufacturer_id,
    }


def _session(token: pkcs11.Token, uri: Pkcs11Uri) -> pkcs11.Session:
    require_tries(token.flags)
    try:
        return token.open(user_pin=_pin(token, uri))
    except UserAlreadyLoggedIn:
        # A login counts for the whole process: another key of this token was opened before.
        return token.open()
    except PinIncorrect:
        raise SignerError(
            "The token refused the PIN, and it was not tried again, because a token locks after a "
            "few wrong ones."
        ) from None
    except PKCS11Error as error:
        raise _failure("did not let us in", error) from error


def _pin(token: pkcs11.Token, uri: Pkcs11Uri) -> str:
    what = f"the token {token.label!r}"
    pin = secret_line(uri.pin_source) if uri.pin_source else pin_of(what)
    try:
        return pin.decode("utf-8")
    except UnicodeDecodeError:
        raise SignerError("The PIN is no text in UTF-8, so it was not tried.") from None


def _private_key(session: pkcs11.Session, uri: Pkcs11Uri) -> SignMixin:
    named = {Attribute.LABEL: uri.label, Attribute.ID: uri.id}
    wanted = {
        Attribute.CLASS: ObjectClass.PRIVATE_KEY,
        Attribute.KEY_TYPE: KeyType.EC_EDWARDS,
        **{name: value for name, value in named.items() if value is not None},
    }
    found = [key for key in session.get_objects(wanted) if isinstance(key, SignMixin)]
    if len(found) != 1:
        raise SignerError(
            f"The token has {len(found)} signing keys for Ed25519 that the URI could mean; it must "
            "name one, by object=LABEL or id=%01."
        )
    return found[0]


def _public_half(session: pkcs11.Session, key: SignMixin) -> pkcs11.Object:
    shared = Attribute.ID if key[Attribute.ID] else Attribute.LABEL
    wanted = {
        Attribute.CLASS: ObjectClass.PUBLIC_KEY,
        Attribute.KEY_TYPE: KeyType.EC_EDWARDS,
        shared: key[shared],
    }
    found = list(session.get_objects(wanted))
    if len(found) != 1:
        raise SignerError(
            f"The token has {len(found)} public keys with the {shared.name} of the private key, "
            "where one is needed; store the public key beside it."
        )
    return found[0]


def _public_key(point: bytes) -> PublicKey:
    """Return the key that a CKA_EC_POINT is: 32 bytes, mostly inside a DER OCTET STRING."""
    raw = point.removeprefix(_DER_OCTETS) if len(point) > PUBLIC_KEY_BYTES else point
    try:
        return PublicKey.from_bytes(raw)
    except MalformedError as error:
        raise SignerError(f"The token's public key can't be used. {error}") from None


def _failure(what: str, error: PKCS11Error) -> SignerError:
    return SignerError(f"The token {what} ({_detail(error)}).")


def _detail(error: PKCS11Error) -> str:
    return str(error) or type(error).__name__
