"""The name of a key on a token: a PKCS #11 URI (RFC 7512), of which a part is understood here.

pkcs11:token=LABEL;object=LABEL;id=%01%02?module-path=/usr/lib/….so&pin-source=file:/…

The path may also say serial, model, manufacturer and type=private. Whatever else it says is
refused, because leaving it out could mean another key.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from sealwire.core.errors import ConfigurationError

SCHEME: Final = "pkcs11"
_TOKEN: Final = ("token", "serial", "model", "manufacturer")
_PATH: Final = (*_TOKEN, "object", "id", "type")
_QUERY: Final = ("module-path", "pin-source")


@dataclass(frozen=True, slots=True)
class Pkcs11Uri:
    """Which token, which key on it, and which module and PIN open it."""

    text: str
    token: Mapping[str, str]
    """What the token must be, of: token (its label), serial, model, manufacturer."""
    label: str | None
    """The key's CKA_LABEL."""
    id: bytes | None
    """The key's CKA_ID."""
    module: Path
    pin_source: Path | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URI.

        Raises:
            ConfigurationError: if it is none, says what is not understood, holds a PIN, or does
                not name the module by its whole path.
        """
        path, _, query = text.removeprefix(f"{SCHEME}:").partition("?")
        inside, beside = _attributes(path, ";", _PATH), _attributes(query, "&", _QUERY)
        if inside.get("type", b"private") != b"private":
            raise ConfigurationError("The PKCS #11 URI names no private key; leave its type out.")
        return cls(
            text=text,
            token={name: _text(inside, name) for name in _TOKEN if name in inside},
            label=_text(inside, "object") if "object" in inside else None,
            id=inside.get("id"),
            module=_module(beside),
            pin_source=_pin_source(beside),
        )

    def naming(self, key_id: bytes) -> str:
        """Return the URI with the CKA_ID of the key that it was found to mean."""
        if self.id is not None or not key_id:
            return self.text
        path, mark, query = self.text.partition("?")
        separator = "" if path.endswith(":") else ";"
        return f"{path}{separator}id={urllib.parse.quote(key_id, safe='')}{mark}{query}"


def _attributes(part: str, separator: str, known: tuple[str, ...]) -> dict[str, bytes]:
    attributes: dict[str, bytes] = {}
    for attribute in part.split(separator) if part else ():
        name, equals, value = attribute.partition("=")
        if name == "pin-value":
            raise ConfigurationError(
                "A PIN in a PKCS #11 URI can be read by everybody on this machine: change it, and "
                "use pin-source=file:PATH with a file of mode 0600, or type it on a terminal."
            )
        if not equals or name in attributes or name not in known:
            raise ConfigurationError(
                f"The PKCS #11 URI can't be used: between its {separator!r} may stand, once each, "
                f"NAME=VALUE with the names {', '.join(known)}."
            )
        attributes[name] = urllib.parse.unquote_to_bytes(value)
    return attributes


def _module(query: Mapping[str, bytes]) -> Path:
    if "module-path" in query:
        path = Path(_text(query, "module-path"))
        # A name alone would be looked for in directories that others may write to.
        if path.is_absolute():
            return path
    raise ConfigurationError(
        "The PKCS #11 URI must name the token's module by its whole path: add, for example, "
        "?module-path=/usr/lib/softhsm/libsofthsm2.so"
    )


def _pin_source(query: Mapping[str, bytes]) -> Path | None:
    if "pin-source" not in query:
        return None
    scheme, _, rest = _text(query, "pin-source").partition(":")
    path = Path(rest.removeprefix("//"))
    if scheme != "file" or not path.is_absolute():
        raise ConfigurationError(
            "The pin-source of the PKCS #11 URI must be the whole path of a file, such as "
            "file:/run/secrets/pin"
        )
    return path


def _text(attributes: Mapping[str, bytes], name: str) -> str:
    try:
        return attributes[name].decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"The PKCS #11 URI's {name} is no text in UTF-8.") from None
