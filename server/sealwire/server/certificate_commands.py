"""`sealwire-server ca` and `sealwire-server certificate`: the certificates of a deployment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # a command loads what it needs when it is run
    from cryptography.x509 import Certificate

DIRECTORY = click.argument(
    "directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False)
)
YES = click.option("--yes", "confirmed", is_flag=True, help="Do not ask.")
NOTICED = "A server that is running notices within seconds; its log says so."


@click.group()
def ca() -> None:
    """The CAs that clients and server trust; the first one issues."""


@click.group()
def certificate() -> None:
    """The server's TLS certificate."""


@ca.command()
@DIRECTORY
def rotate(directory: Path) -> None:
    """Make a new CA for the deployment in DIR, which issues from now on.

    The CAs before it stay trusted, so nothing breaks. Clients learn of the new one when they renew
    their certificates. When all have, renew the server's, and then retire the old CAs.
    """
    from sealwire.core.clock import system_clock
    from sealwire.server.certificate_changes import rotate_authority

    authorities = rotate_authority(directory, clock=system_clock)
    click.echo(f"{authorities[0].subject.rfc4514_string()} issues from now on.")
    click.echo(f"CAs trusted beside it: {len(authorities) - 1}.")
    click.echo(NOTICED)
    click.echo("When every client has renewed its certificate:")
    click.echo(f"  sealwire-server certificate renew {directory}")
    click.echo(f"  sealwire-server ca retire {directory}")


@ca.command()
@DIRECTORY
@YES
def retire(directory: Path, *, confirmed: bool) -> None:
    """Trust no CA any more but the one that issues.

    Clients with certificates of the others are refused from then on, on open connections, too.
    """
    from sealwire.server.certificate_changes import retire_authorities
    from sealwire.server.confirmation import confirm, without_asking

    dropped = retire_authorities(directory, confirm=without_asking if confirmed else confirm)
    for authority in dropped:
        click.echo(f"{authority.subject.rfc4514_string()} is not trusted any more.")
    click.echo(NOTICED if dropped else "There is one CA only; nothing was changed.")


@certificate.command()
@DIRECTORY
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A DNS name or IP address that clients use; repeat for more.  [default: those of now]",
)
@YES
def renew(directory: Path, hosts: tuple[str, ...], *, confirmed: bool) -> None:
    """Make a new certificate, with a new key, for the server of the deployment in DIR."""
    from sealwire.core.clock import system_clock
    from sealwire.server.certificate_changes import renew_server_certificate
    from sealwire.server.confirmation import confirm, without_asking

    renewed = renew_server_certificate(
        directory,
        hosts=hosts,
        clock=system_clock,
        confirm=without_asking if confirmed else confirm,
    )
    click.echo(f"The server's certificate is valid until {renewed.not_valid_after_utc:%Y-%m-%d}.")
    click.echo(NOTICED)


@certificate.command()
@DIRECTORY
def show(directory: Path) -> None:
    """Print whom the certificates in DIR are for, who issued them, and when they end."""
    from sealwire.server.tls_material import hosts_of, load_tls

    material = load_tls(directory)
    server = material.server_chain[0]
    click.echo("server.crt")
    click.echo(f"  hosts   {', '.join(hosts_of(server))}")
    click.echo(f"  issuer  {material.server_path[0].subject.rfc4514_string()}")
    click.echo(f"  ends    {server.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    for number, authority in enumerate(material.authorities):
        _show_authority("ca.crt: " + ("trusted" if number else "issues"), authority)
    for authority in material.outside:
        _show_authority("client-ca.crt: trusted with clients of other trust domains", authority)


def _show_authority(heading: str, authority: Certificate) -> None:
    click.echo(heading)
    click.echo(f"  name    {authority.subject.rfc4514_string()}")
    click.echo(f"  ends    {authority.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
