"""The profile that a command works with, and the client that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealwire.client.client import Client
    from sealwire.client.profile_files import Profile


def load_profile(name: str | None) -> Profile:
    """Return the profile of that name, or the one in use."""
    from sealwire.client.profiles import Profiles

    profiles = Profiles.of_user()
    return profiles.load(name or profiles.in_use())


def connect(name: str | None) -> Client:
    """Return a client of that profile's server; nothing is sent before the first call."""
    return load_profile(name).connect()
