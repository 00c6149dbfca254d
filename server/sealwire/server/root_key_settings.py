"""`[root_keys]` in sealwire.toml: where root keys come from, and their passphrase."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from sealwire.core.errors import ConfigurationError

DIRECTORY: Final = "directory"
CREDENTIALS: Final = "credentials"
PROMPT: Final = "prompt"
_DESCRIPTOR: Final = re.compile(r"descriptor:(0|[3-9]|[1-9][0-9]{1,3})")
_CREDENTIAL: Final = re.compile(r"credential:([A-Za-z0-9_-][A-Za-z0-9._-]*)")


@dataclass(frozen=True, slots=True)
class RootKeySettings:
    """`source`: directory, credentials or descriptor:N.

    `passphrase`: prompt, credential:NAME or descriptor:N; asked for where keys are wrapped.
    """

    source: str = DIRECTORY
    passphrase: str = PROMPT

    def __post_init__(self) -> None:
        """Refuse what is neither: ConfigurationError names the setting."""
        if self.source not in {DIRECTORY, CREDENTIALS} and descriptor_of(self.source) is None:
            raise ConfigurationError(
                'root_keys.source must be "directory", "credentials" or "descriptor:N", with the '
                "number of an inherited file descriptor."
            )
        chosen = self.passphrase
        if chosen != PROMPT and credential_of(chosen) is None and descriptor_of(chosen) is None:
            raise ConfigurationError(
                'root_keys.passphrase must be "prompt", "credential:NAME" or "descriptor:N", with '
                "the number of an inherited file descriptor."
            )
        if self.source == self.passphrase:
            raise ConfigurationError(
                "root_keys.source and root_keys.passphrase name the same file descriptor."
            )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> RootKeySettings:
        """Return the settings of a table; ConfigurationError as the settings themselves."""
        known = [field.name for field in fields(cls)]
        for name, value in values.items():
            if name not in known:
                raise ConfigurationError(
                    f"root_keys.{name} is no setting; these are: {', '.join(known)}."
                )
            if type(value) is not str:
                raise ConfigurationError(f"root_keys.{name} must be of type str.")
        return cls(**values)


def descriptor_of(setting: str) -> int | None:
    """Return the N of descriptor:N; None for another setting."""
    found = _DESCRIPTOR.fullmatch(setting)
    return int(found[1]) if found else None


def credential_of(setting: str) -> str | None:
    """Return the NAME of credential:NAME; None for another setting."""
    found = _CREDENTIAL.fullmatch(setting)
    return found[1] if found else None
