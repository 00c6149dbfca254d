"""`sealwire grant`, `ungrant`, `grants` and `can`: who may do what in which namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from sealwire.client.cli.connecting import connect
from sealwire.client.cli.options import (
    identity_argument,
    namespace_argument,
    output_option,
    profile_option,
)
from sealwire.client.cli.output import TABLE, Fields, moment, moment_if_any, print_rows
from sealwire.client.cli.times import WHEN, WHEN_HELP
from sealwire.client.cli.words import VERB_LIST, subject, subject_text, verb_numbers, word

if TYPE_CHECKING:
    from sealwire.v1.permissions_pb2 import Decision, Grant

DENIED: Final = 3
"""The exit code of `can` for no."""

verbs_argument = click.argument("verbs", type=VERB_LIST, metavar="VERB[,VERB...]")


@click.command()
@identity_argument
@verbs_argument
@namespace_argument
@click.option("--deny", is_flag=True, help="Deny them, which wins over whatever allows them.")
@click.option("--expires", type=WHEN, metavar="WHEN", help=f"When it ends: {WHEN_HELP}.")
@click.option("--exact", is_flag=True, help="For NAMESPACE alone, not for what is below it.")
@profile_option
@output_option
def grant(
    identity: str,
    verbs: tuple[str, ...],
    namespace: str,
    deny: bool,
    expires: int | None,
    exact: bool,
    profile: str | None,
    output: str,
) -> None:
    """Allow IDENTITY verbs in NAMESPACE and below it.

    IDENTITY is a name, a key id, or group:GROUP. The verbs are read, write, delete, list, share
    (grant to others what one holds) and admin (deny, and take back anybody's grants). Nobody grants
    more than they hold. "team/payments" covers "team/payments/x", never "team/payments2".
    """
    from sealwire.v1.permissions_pb2 import EFFECT_ALLOW, EFFECT_DENY, SCOPE_EXACT, SCOPE_SUBTREE

    with connect(profile) as client:
        grants = client.permissions.grant(
            subject(identity),
            verb_numbers(verbs),
            namespace,
            effect=EFFECT_DENY if deny else EFFECT_ALLOW,
            scope=SCOPE_EXACT if exact else SCOPE_SUBTREE,
            expires_at=expires or 0,
        )
    print_rows({}, "grants", [_grant_fields(grant) for grant in grants], output)


@click.command()
@identity_argument
@verbs_argument
@namespace_argument
@click.option("--deny", is_flag=True, help="Take back denials instead.")
@profile_option
@output_option
def ungrant(
    identity: str,
    verbs: tuple[str, ...],
    namespace: str,
    deny: bool,
    profile: str | None,
    output: str,
) -> None:
    """Take back grants to IDENTITY at exactly NAMESPACE.

    All of the verbs are taken back, or nothing. IDENTITY is a name, a key id, or group:GROUP. What
    is granted at other names, above it too, stays.
    """
    from sealwire.v1.permissions_pb2 import EFFECT_ALLOW, EFFECT_DENY

    with connect(profile) as client:
        removed = client.permissions.ungrant(
            subject(identity),
            verb_numbers(verbs),
            namespace,
            effect=EFFECT_DENY if deny else EFFECT_ALLOW,
        )
    print_rows({}, "removed", [_grant_fields(grant) for grant in removed], output)


@click.command("grants")
@namespace_argument
@profile_option
@output_option
def list_grants(namespace: str, profile: str | None, output: str) -> None:
    """List every grant that covers NAMESPACE.

    Those made above it are included; what was granted below it is not.
    """
    with connect(profile) as client:
        grants = client.permissions.grants(namespace)
    rows = [_grant_fields(grant) for grant in grants]
    print_rows({"namespace": namespace}, "grants", rows, output)


@click.command()
@identity_argument
@verbs_argument
@namespace_argument
@click.option("--explain", is_flag=True, help="Say why, and by which grant.")
@profile_option
@output_option
def can(
    identity: str,
    verbs: tuple[str, ...],
    namespace: str,
    explain: bool,
    profile: str | None,
    output: str,
) -> None:
    """Tell whether IDENTITY may use verbs in NAMESPACE.

    IDENTITY is a name or key id; everybody may ask about themselves, by their own name. Exits with
    0 if all of the verbs are allowed, and with 3 if not; any other code means that there is no
    answer.
    """
    with connect(profile) as client:
        decisions = client.permissions.test(verb_numbers(verbs), namespace, identity=identity)
    rows = [_decided(decision) for decision in decisions]
    if explain:
        rows = [_explained(decision, output) for decision in decisions]
    print_rows({"identity": identity, "namespace": namespace}, "decisions", rows, output)
    if sum(decision.allowed for decision in decisions) != len(verbs):
        raise click.exceptions.Exit(DENIED)


def _grant_fields(grant: Grant) -> Fields:
    from sealwire.v1.permissions_pb2 import Effect, Scope, Verb

    return {
        "effect": word(Effect, grant.effect, "EFFECT_"),
        "verb": word(Verb, grant.verb, "VERB_"),
        "subject": subject_text(grant.subject),
        "scope": word(Scope, grant.scope, "SCOPE_"),
        "namespace": grant.namespace,
        "expires_at": moment_if_any(grant.expires_at),
        "granted_by": grant.granted_by or None,
        "created_at": moment(grant.created_at),
    }


def _decided(decision: Decision) -> Fields:
    from sealwire.v1.permissions_pb2 import Verb

    return {"verb": word(Verb, decision.verb, "VERB_"), "allowed": decision.allowed}


def _explained(decision: Decision, output: str) -> Fields:
    fields = {**_decided(decision), "reason": decision.reason}
    if output == TABLE:
        return fields
    return {
        **fields,
        "grant": _grant_fields(decision.grant) if decision.HasField("grant") else None,
    }
