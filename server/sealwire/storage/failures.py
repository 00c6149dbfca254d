"""What SQLite reports, in the words of `sealwire.core.errors`: no SQL, no path, no value."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError

from sealwire.core.errors import (
    SealError,
    SealwireError,
    UnavailableError,
    UnknownOutcomeError,
)

_PRIMARY_CODE: Final = 0xFF

_PASSING: Final = {
    sqlite3.SQLITE_BUSY: "another process holds it locked",
    sqlite3.SQLITE_LOCKED: "another process holds it locked",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file is read-only",
    sqlite3.SQLITE_IOERR: "the disk reported an error",
    sqlite3.SQLITE_CANTOPEN: "the file can't be opened",
    sqlite3.SQLITE_PERM: "the file can't be opened",
    sqlite3.SQLITE_PROTOCOL: "another process holds it locked",
    sqlite3.SQLITE_NOMEM: "memory is short",
}
_NO_TEXT: Final = "Could not decode to UTF-8"
"""How Python begins to say so: SQLite itself looks into no text."""
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_DOUBT: Final = "It may have been done all the same; a retry with the same request id finds out."


def translated(error: BaseException) -> BaseException:
    """Return the error to report for `error`; one that SQLite's state does not explain, as it is.

    An outage becomes UnavailableError, damage to the file SealError. The original is the cause.
    """
    code = _sqlite_code(error)
    if code in _PASSING:
        return _caused(_unavailable(_PASSING[code]), error)
    if code in _DAMAGE:
        damage = SealError("The store's file is damaged; restore it from a backup.")
        return _caused(damage, error)
    if _is_no_text(error):
        return _caused(SealError("A row holds text that is none: it was altered."), error)
    return error


def translated_transaction(error: BaseException) -> BaseException:
    """Return the error to report to every unit of a transaction that `error` kept from committing.

    It is a new one at each call, and an UnavailableError unless the file is damaged.
    """
    if isinstance(error, UnknownOutcomeError):
        return _caused(UnknownOutcomeError(str(error)), error.__cause__)
    if isinstance(error, UnavailableError) and error.__cause__ is None:
        return UnavailableError(str(error))
    origin = _origin(error)
    if isinstance(origin, OSError):
        return _caused(_unavailable("the disk reported an error"), origin)
    reported = translated(origin)
    if isinstance(reported, UnavailableError | SealError):
        return reported
    return _caused(_unavailable("the transaction was refused"), origin)


def in_doubt(error: BaseException) -> BaseException:
    """Return the error for a transaction that may have been committed when `error` came."""
    return UnknownOutcomeError(f"{translated_transaction(error)} {_DOUBT}")


def is_full(error: BaseException) -> bool:
    """Tell whether there was no room; SQLite has then undone the transaction."""
    return _sqlite_code(error) == sqlite3.SQLITE_FULL


def is_damage(error: BaseException | None) -> bool:
    """Tell whether SQLite found its file damaged; sealed bytes that do not open are not meant."""
    return isinstance(error, SealError) and _sqlite_code(error.__cause__) in _DAMAGE


def described(error: BaseException) -> str:
    """Return what an operator must know of a failed transaction, and no value that is stored."""
    origin = _origin(error)
    name = getattr(
        origin.orig if isinstance(origin, DBAPIError) else origin, "sqlite_errorname", ""
    )
    return f"{translated_transaction(error)} [{name or type(origin).__name__}]"


def _origin(error: BaseException) -> BaseException:
    return error.__cause__ or error if isinstance(error, SealwireError) else error


def _unavailable(why: str) -> UnavailableError:
    return UnavailableError(
        f"The store can't be used now: {why}. Nothing was acknowledged; try again later."
    )


def _sqlite_code(error: BaseException | None) -> int:
    origin = error.orig if isinstance(error, DBAPIError) else error
    code: int = getattr(origin, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & _PRIMARY_CODE


def _is_no_text(error: BaseException) -> bool:
    origin = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(origin, sqlite3.OperationalError) and str(origin).startswith(_NO_TEXT)


def _caused(error: BaseException, cause: BaseException | None) -> BaseException:
    error.__cause__ = cause
    return error
