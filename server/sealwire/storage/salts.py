"""Where the identities' salts are kept: outside of the database, so that no copy of it has one.

Without an identity's salt none of its keys can be derived, so destroying the salt erases everything
that was ever sealed to it (docs/sealing.md section 2.4). A salt that was lost is never made anew.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import Final, Protocol

from sealwire.core.derivation import SALT_BYTES
from sealwire.core.errors import ConfigurationError, SealError, UnavailableError
from sealwire.core.secret_files import read_secret, sync_directory, write_new_secret

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_IDENTITY_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_LEFTOVER: Final = re.compile(rf"\.(?P<identity>{_IDENTITY_ID.pattern})\..*\.tmp", re.DOTALL)
"""What `write_new_secret` writes into, before the file gets its name."""
_NOTHING: Final = bytes(SALT_BYTES)
_FLAGS: Final = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class SaltStore(Protocol):
    """Keeps 32 bytes for each identity, and can destroy them. Thread-safe."""

    def make(self) -> None:
        """Make room for salts, unless there is; ConfigurationError if that can't be."""
        ...

    def check(self) -> None:
        """Return if salts can be kept here; ConfigurationError otherwise."""
        ...

    def create(self, identity_id: str, salt: bytes) -> None:
        """Keep an identity's salt; on return it is on stable storage. The same one may be repeated.

        Raises:
            SealError: if the identity has another salt, which is left as it is.
            UnavailableError: if it can't be kept now.
        """
        ...

    def read(self, identity_id: str) -> bytes:
        """Return an identity's salt.

        Raises:
            SealError: if there is none, or not as it was left.
            UnavailableError: if it can't be read now.
        """
        ...

    def erase(self, identity_id: str) -> None:
        """Destroy an identity's salt, if there is one; on return nobody can read it here again.

        That holds for what a writer left behind that was killed, too.

        Raises:
            UnavailableError: if that can't be done, or said, now; it may be repeated.
        """
        ...

    def names(self) -> frozenset[str]:
        """Return the ids of the identities whose salts are here; ConfigurationError as `check`."""
        ...


class SaltDirectory:
    """A `SaltStore`: one file for each identity, mode 0600, in a directory of mode 0700."""

    def __init__(self, path: Path) -> None:
        """Touch nothing; `make` makes the directory."""
        self.path = path

    def make(self) -> None:
        """Make the directory durably, unless it is there; then do as `remove_leftovers`."""
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
            sync_directory(self.path.parent)
        except OSError as error:
            raise ConfigurationError(f"{self.path} can't be made: {error.strerror}.") from error
        self.remove_leftovers()

    def check(self) -> None:
        """Return if it is a directory of ours that nobody else can open, and no symbolic link."""
        try:
            status = self.path.lstat()
        except OSError as error:
            raise ConfigurationError(
                f"{self.path} can't be used ({error.strerror}). It holds the identities' salts, "
                "without which no record opens: put the newest copy of it back."
            ) from error
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise ConfigurationError(
                f"{self.path} is a symbolic link, no directory, or somebody else's; the salts in "
                "it were not used. It must be a directory of the server's user."
            )
        if status.st_mode & _OTHERS:
            raise ConfigurationError(
                f"{self.path} is open to other users, so the salts in it were not used; "
                f"run: chmod 700 {self.path}"
            )

    def create(self, identity_id: str, salt: bytes) -> None:
        """Write the file whole or not at all; `SaltStore.create` says what holds then."""
        path = self._file(identity_id)
        try:
            if path.exists():
                self._require_same(identity_id, salt)
                sync_directory(self.path)  # whoever wrote it may not have come to that
            else:
                write_new_secret(path, salt)
        except (ConfigurationError, OSError) as error:
            raise UnavailableError(
                "The store can't be used now: an identity's salt can't be written. Nothing was "
                "acknowledged; try again later."
            ) from error

    def read(self, identity_id: str) -> bytes:
        """Read the file; refused are the files that `read_secret` refuses, and half erased ones."""
        try:
            salt = read_secret(self._file(identity_id))
        except (ConfigurationError, OSError) as error:
            raise _unreadable(error) from error
        if len(salt) != SALT_BYTES or salt == _NOTHING:
            raise SealError("An identity's salt was erased, or is damaged.")
        return salt

    def erase(self, identity_id: str) -> None:
        """Overwrite the file with zeros in its place, and remove it: each durably.

        It comes last, behind what writers left of it: while it is there, the erasure is not done.
        """
        path = self._file(identity_id)
        try:
            for file in (*self._leftovers(of=identity_id), path):
                self._destroy(file)
        except OSError as error:
            raise _not_erased(error) from error

    def remove_leftovers(self) -> None:
        """Destroy what writers left that were killed; one that still writes fails, and is undone.

        Raises:
            ConfigurationError: as `check`, or if that can't be done.
        """
        self.check()
        try:
            for path in self._leftovers():
                _destroy_unless_linked(path)
                sync_directory(self.path)
        except OSError as error:
            raise ConfigurationError(
                f"What was left behind in {self.path} can't be destroyed: {error.strerror}."
            ) from error

    def names(self) -> frozenset[str]:
        """List the directory; what is being written, or was left behind by that, is no salt."""
        self.check()
        with os.scandir(self.path) as entries:
            return frozenset(entry.name for entry in entries if _IDENTITY_ID.fullmatch(entry.name))

    def _file(self, identity_id: str) -> Path:
        if not _IDENTITY_ID.fullmatch(identity_id):  # it comes from the database
            raise SealError("An identity's id is not of the form that the server gives.")
        return self.path / identity_id

    def _leftovers(self, *, of: str | None = None) -> list[Path]:
        try:
            paths = list(self.path.iterdir())
        except FileNotFoundError:
            return []
        left = [(path, _LEFTOVER.fullmatch(path.name)) for path in paths]
        return [path for path, match in left if match and of in {None, match["identity"]}]

    def _destroy(self, path: Path) -> None:
        try:
            # Whoever's it is and whoever may read it: it is to be destroyed all the same.
            descriptor = os.open(path, _FLAGS)
        except FileNotFoundError:
            return
        try:
            _overwrite(descriptor)
            path.unlink()
            sync_directory(self.path)
        finally:
            os.close(descriptor)

    def _require_same(self, identity_id: str, salt: bytes) -> None:
        if self.read(identity_id) != salt:
            raise SealError("The identity has another salt already, which was left as it is.")


def _destroy_unless_linked(path: Path) -> None:
    """Remove a file, and overwrite it unless it is a salt that is kept, under a second name.

    In this order: once it is removed, nobody makes a salt of it any more.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        path.unlink()
        if os.fstat(descriptor).st_nlink == 0:
            _overwrite(descriptor)
    finally:
        os.close(descriptor)


def _overwrite(descriptor: int) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "It is not a regular file")
    data = memoryview(bytes(max(status.st_size, SALT_BYTES)))
    while data:
        data = data[os.write(descriptor, data) :]
    os.fsync(descriptor)


def _unreadable(error: ConfigurationError | OSError) -> SealError | UnavailableError:
    """Return the error to report: damage, unless the system merely can't read now."""
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, OSError) and cause.errno != errno.ELOOP:
        return UnavailableError(
            f"The store can't be used now: a salt can't be read ({cause.strerror}). Nothing was "
            "acknowledged; try again later."
        )
    return SealError("An identity's salt is missing, or its file is not as the server left it.")


def _not_erased(error: OSError) -> UnavailableError:
    return UnavailableError(
        f"The identity has ended, but its salt can't be destroyed now ({error.strerror}), so what "
        "was sealed to it is still there. The server tries again; erase it again to be told."
    )
