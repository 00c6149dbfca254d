"""How a profile remembers the server's new signing key."""

from __future__ import annotations

import json
from pathlib import Path

from sealwire.client.profile_layout import PROFILE_FILE
from sealwire.core.errors import ConfigurationError
from sealwire.core.keys import PublicKey
from sealwire.core.secret_files import read_secret, replace_secret


def replace_server_key(folder: Path, key: PublicKey) -> None:
    """Pin `key` in the profile in `folder`, in one step; everything else stays as it is.

    Raises:
        ConfigurationError: if the profile can't be read or written, or is damaged; it is then
            unchanged.
    """
    path = folder / PROFILE_FILE
    pin = {"server_public_key": key.text, "server_key_id": key.key_id}
    try:
        fields = json.loads(read_secret(path))
        if not isinstance(fields, dict) or not pin.keys() <= fields.keys():
            raise ValueError("no profile")
    except (ValueError, RecursionError):
        raise ConfigurationError(f"{path} is damaged, and was left as it is.") from None
    replace_secret(path, json.dumps({**fields, **pin}, indent=2).encode("ascii") + b"\n")
