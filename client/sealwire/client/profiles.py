"""Profiles: who this user is towards which server, one directory each, open to nobody else.

<configuration>/sealwire/      0700
  current                      the name of the profile that is used unless another one is named
  profiles/                    0700
    <name>/                    0700, with the files of one profile

A profile is complete or it isn't there: it arrives by one rename. It changes as a whole, too:
`sealwire.client.profile_changes` says how.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from sealwire.client.profile_changes import settled
from sealwire.client.profile_files import Profile, read_profile
from sealwire.client.profile_names import PROFILES, checked_name, profile_names, user_directory
from sealwire.core.errors import ConfigurationError
from sealwire.core.secret_files import read_secret, replace_secret

__all__ = ["Profile", "Profiles"]

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Profiles:
    """The profiles of one user."""

    def __init__(self, directory: Path) -> None:
        """Keep them under `directory`, which need not exist yet."""
        self._current = directory / "current"
        self.directory = directory / PROFILES

    @classmethod
    def of_user(cls) -> Profiles:
        """Return the profiles in the user's configuration directory."""
        return cls(user_directory())

    def names(self) -> list[str]:
        """Return the names of all profiles, sorted."""
        return profile_names(self.directory.parent)

    def in_use(self) -> str:
        """Return the name of the profile that is used unless another one is named.

        Raises:
            ConfigurationError: if there is no profile yet.
        """
        if not self._current.exists():
            raise ConfigurationError("There is no profile yet; make one with: sealwire join FILE")
        return checked_name(read_secret(self._current).decode("ascii", "replace").strip())

    def use(self, name: str) -> Profile:
        """Use the profile `name` unless another one is named, and return it.

        Raises:
            ConfigurationError: as `load`; then the one in use stays so.
        """
        profile = self.load(name)
        self._put_in_use(name)
        return profile

    def load(self, name: str) -> Profile:
        """Return a profile, read and checked, once changes that were interrupted are finished.

        Raises:
            ConfigurationError: if there is none of that name, others can open it, or a file of it
                is missing or damaged.
        """
        folder = self._folder(name)
        if not folder.exists():
            raise ConfigurationError(
                f"There is no profile {name!r}; make it with: sealwire join FILE --profile {name}"
            )
        _require_private_directory(folder)
        return settled(folder, read_profile)

    def require_free(self, name: str) -> None:
        """Return if `name` is the name of no profile yet.

        Raises:
            ConfigurationError: if it is, or can't be a profile's name.
        """
        if os.path.lexists(self._folder(name)):
            raise ConfigurationError(
                f"There is a profile {name!r} already, and it was left as it is; choose another "
                "name with --profile."
            )

    def prepare(self) -> None:
        """Make the directories, if need be; ConfigurationError if others can open them."""
        self.directory.parent.parent.mkdir(parents=True, exist_ok=True)
        for directory in (self.directory.parent, self.directory):
            directory.mkdir(mode=0o700, exist_ok=True)
        _require_private_directory(self.directory)

    def adopt(self, staged: Path, name: str) -> Profile:
        """Make the complete directory `staged` the profile `name`; the first one is put in use.

        Raises:
            ConfigurationError: if the name was taken meanwhile, or `staged` is not complete.
        """
        read_profile(staged)
        self.require_free(name)
        # rename(2) never replaces a directory that holds anything.
        staged.rename(self._folder(name))
        if not self._current.exists():
            self._put_in_use(name)
        return self.load(name)

    def _put_in_use(self, name: str) -> None:
        replace_secret(self._current, name.encode("ascii") + b"\n")

    def _folder(self, name: str) -> Path:
        return self.directory / checked_name(name)


def _require_private_directory(path: Path) -> None:
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigurationError(f"{path} is not a directory, so nothing in it was read.")
    if status.st_uid != os.geteuid():
        raise ConfigurationError(f"{path} belongs to another user, so nothing in it was read.")
    if status.st_mode & _OTHERS:
        raise ConfigurationError(
            f"{path} is open to other users, so nothing in it was read; run: chmod 700 {path}"
        )
