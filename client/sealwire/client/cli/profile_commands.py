"""`sealwire profile`: which identities this user has, and which one is used."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import click

from sealwire.client.cli.options import PROFILE_NAME, output_option
from sealwire.client.cli.output import Fields, moment, print_fields, print_rows
from sealwire.core.errors import ConfigurationError

if TYPE_CHECKING:
    from sealwire.client.profile_files import Profile
    from sealwire.client.profiles import Profiles

_FIELDS: Final = ("profile", "name", "server", "public_key_id", "signer", "certificate_ends")


@click.group("profile")
def profile_group() -> None:
    """List profiles, and choose the one in use.

    The one in use is used unless --profile names another.
    """


@profile_group.command("list")
@output_option
def list_profiles(output: str) -> None:
    """List the profiles of this user.

    Asks no server, and opens no key.
    """
    from sealwire.client.profiles import Profiles

    profiles = Profiles.of_user()
    in_use = None
    with contextlib.suppress(ConfigurationError):
        in_use = profiles.in_use()
    rows = [{"in_use": name == in_use, **_listed(profiles, name)} for name in profiles.names()]
    print_rows({}, "profiles", rows, output)


@profile_group.command()
@click.argument("name", type=PROFILE_NAME)
@output_option
def use(name: str, output: str) -> None:
    """Use the profile NAME from now on."""
    from sealwire.client.profiles import Profiles

    profile = Profiles.of_user().use(name)
    print_fields({"in_use": True, **_profile_fields(profile)}, output)


def _listed(profiles: Profiles, name: str) -> Fields:
    """Return what is known of a profile; one that is damaged does not hide the others."""
    try:
        return {**_profile_fields(profiles.load(name)), "problem": None}
    except ConfigurationError as error:
        return {**dict.fromkeys(_FIELDS), "profile": name, "problem": str(error)}


def _profile_fields(profile: Profile) -> Fields:
    values = (
        profile.name,
        profile.identity_name,
        profile.server.address,
        profile.public_key_id,
        profile.signer_text,
        moment(profile.certificate_ends),
    )
    return dict(zip(_FIELDS, values, strict=True))
