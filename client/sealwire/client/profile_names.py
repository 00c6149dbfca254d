"""Where a user's profiles lie, and what they may be called. Needs no gRPC, so it is quick."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import platformdirs

from sealwire.core.errors import ConfigurationError

PROFILES: Final = "profiles"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def user_directory() -> Path:
    """Return the user's configuration directory for Sealwire, which need not exist.

    `XDG_CONFIG_HOME` counts on every platform, if it is an absolute path.
    """
    configured = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if configured.is_absolute():
        return configured / "sealwire"
    return platformdirs.user_config_path("sealwire")


def profile_names(directory: Path) -> list[str]:
    """Return the names of the profiles under a configuration directory, sorted.

    Raises:
        OSError: if the directory can't be listed.
    """
    folder = directory / PROFILES
    if not folder.exists():
        return []
    return sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name))


def checked_name(name: str) -> str:
    """Return `name` if a profile can be called that; ConfigurationError otherwise."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} can't be the name of a profile: use up to 64 letters, digits, '.', '-' and "
            "'_', beginning with a letter or digit."
        )
    return name
