"""`sealwire-server`: the operator's commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

from sealwire.core.errors import SealwireError
from sealwire.core.tls import refuse_tls_1_2
from sealwire.server.certificate_commands import ca, certificate
from sealwire.server.core_files import leave_no_core_file
from sealwire.server.maintenance_commands import COMMANDS as MAINTENANCE
from sealwire.server.root_commands import root
from sealwire.server.signing_key_commands import signing_key
from sealwire.server.verify_commands import COMMANDS as VERIFICATION

DIRECTORY = click.Path(path_type=Path, file_okay=False)
DEFAULT_LISTEN: Final = "127.0.0.1:7443"
DEFAULT_VALID_HOURS: Final = 24.0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sealwire")
def cli() -> None:
    """Run a Sealwire server: signed on the wire, sealed on disk."""


@cli.command()
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME",
    default=("localhost",),
    show_default=True,
    help="A DNS name or IP address that clients use; repeat for more.",
)
@click.option(
    "--listen",
    metavar="ADDRESS:PORT",
    default=DEFAULT_LISTEN,
    show_default=True,
    help="Where the server listens.",
)
def init(directory: Path, hosts: tuple[str, ...], listen: str) -> None:
    """Make a complete deployment in DIR: CA, certificates, keys, database, settings."""
    from sealwire.core.clock import system_clock
    from sealwire.server.deployment import init_deployment

    deployment = init_deployment(
        directory, hosts=hosts, listen=listen, clock=system_clock, random=os.urandom
    )
    click.echo(f"A deployment was made in {directory}.")
    click.echo(f"Server key id: {deployment.signing_key.public_key.key_id}")
    click.echo(f"Start it with: sealwire-server serve {directory}")


@cli.command()
@click.argument("directory", metavar="DIR", type=DIRECTORY)
def serve(directory: Path) -> None:
    """Serve the deployment in DIR until SIGTERM."""
    from sealwire.server.serve import configure_logging
    from sealwire.server.serve import serve as run

    configure_logging()
    run(directory, announce=lambda address: click.echo(f"sealwire-server: serving on {address}"))


@cli.command()
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["admin", "member"]),
    show_default="member",
    help="What it becomes; not with --recover.",
)
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the invitation; it is a secret.",
)
@click.option(
    "--valid-hours",
    type=float,
    default=DEFAULT_VALID_HOURS,
    show_default=True,
    help="When it ends; 720 at most.",
)
@click.option(
    "--recover",
    is_flag=True,
    help="For an identity that exists and whose key is lost: whoever uses the invitation becomes "
    "it, and its keys are revoked.",
)
def invite(
    directory: Path, name: str, role: str | None, out: Path, valid_hours: float, recover: bool
) -> None:
    """Write an invitation for NAME: one file, good for one use, for a limited time."""
    from sealwire.core.clock import system_clock
    from sealwire.core.secret_files import write_new_secret
    from sealwire.server.deployment import load_deployment
    from sealwire.server.invitations import write_invitation, write_recovery

    if recover and role:
        raise click.UsageError("An identity that is recovered keeps its role; leave --role out.")
    deployment = load_deployment(directory)
    if recover:
        invitation = write_recovery(
            deployment, name, valid_hours=valid_hours, clock=system_clock, random=os.urandom
        )
    else:
        invitation = write_invitation(
            deployment,
            name,
            role=role or "member",
            valid_hours=valid_hours,
            clock=system_clock,
            random=os.urandom,
        )
    write_new_secret(out, invitation.to_json())
    name = invitation.name
    click.echo(f"An invitation for {name} was written to {out}; hand it over like a password.")
    click.echo(f"It is used with: sealwire join {out}")


@cli.command()
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.argument("identity")
@click.argument("verbs", metavar="VERB[,VERB…]")
@click.argument("namespace")
def grant(directory: Path, identity: str, verbs: str, namespace: str) -> None:
    """Allow IDENTITY, a name or key id, verbs in NAMESPACE and below it.

    For a namespace in which nobody is left who could grant; the identity's history shows it.
    """
    from sealwire.core.clock import system_clock
    from sealwire.server.deployment import load_deployment
    from sealwire.server.operator_grants import grant as allow
    from sealwire.storage import Verb

    known = [str(verb) for verb in Verb]
    given = verbs.split(",")
    if unknown := [verb for verb in given if verb not in known]:
        raise click.BadParameter(f"{unknown[0]!r} is no verb; these are: {', '.join(known)}.")
    named = allow(
        load_deployment(directory),
        identity,
        [Verb(verb) for verb in given],
        namespace,
        clock=system_clock,
    )
    click.echo(f"{named.name} may {', '.join(given)} in {namespace} and below.")


@cli.command()
@click.argument("directory", metavar="DIR", type=DIRECTORY)
def migrate(directory: Path) -> None:
    """Bring the database in DIR to this version's schema; make a backup first.

    The server must be stopped. Salts that are in the database move to DIR/salts. Killed at any
    moment, it is finished by running it again.
    """
    from sealwire.server.deployment import load_deployment
    from sealwire.server.migration import migrate_deployment

    migrate_deployment(load_deployment(directory))
    click.echo(f"The database in {directory} has this version's schema.")


cli.add_command(ca)
cli.add_command(certificate)
cli.add_command(root)
cli.add_command(signing_key)
for command in (*MAINTENANCE, *VERIFICATION):
    cli.add_command(command)


def main() -> None:
    """Run a command; errors reach people as sentences, and secrets no core file."""
    leave_no_core_file()
    # Before any command imports grpc, whose own lines would stand between those of the log.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    refuse_tls_1_2()
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except click.Abort:
        sys.exit(130)
    except SealwireError as error:
        click.echo(f"sealwire-server: {error}", err=True)
        sys.exit(1)
    except Exception as error:
        # People get a sentence; whoever mends it sets SEALWIRE_DEBUG.
        if os.environ.get("SEALWIRE_DEBUG"):
            raise
        kind = type(error).__name__
        click.echo(
            f"sealwire-server: a fault in Sealwire itself ({kind}); nothing more was done. "
            "Run it again with SEALWIRE_DEBUG=1 and report what it prints.",
            err=True,
        )
        sys.exit(1)
