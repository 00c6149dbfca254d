"""Why something is allowed or not, in a sentence."""

from __future__ import annotations

from sealwire.server.decisions import Decision
from sealwire.server.messages import grant_messages
from sealwire.storage import IdentityRow, IdentityState, Transaction, Verb
from sealwire.v1 import permissions_pb2
from sealwire.v1.permissions_pb2 import Decision as DecisionMessage
from sealwire.v1.permissions_pb2 import Grant

_NOBODY = "the server, which gave it to the first to write there, or by its operator"
"""Who granted what was passed on by nobody: which of the two it was is in no grant."""


def explain(
    tx: Transaction, identity: IdentityRow, verb: Verb, decision: Decision
) -> DecisionMessage:
    """Return a decision, the grant that made it, and both in words."""
    name = f"VERB_{verb.name}"
    if identity.state != IdentityState.ACTIVE:
        reason = f"{identity.name} is {identity.state}, and may do nothing."
        return DecisionMessage(verb=name, allowed=False, reason=reason)
    if decision.grant is None:
        reason = (
            f"No grant allows {identity.name} to {verb} here, and what nothing allows is denied."
        )
        return DecisionMessage(verb=name, allowed=False, reason=reason)
    (grant,) = grant_messages(tx, [decision.grant])
    return DecisionMessage(
        verb=name,
        allowed=decision.allowed,
        grant=grant,
        reason=_sentence(grant, verb, "allowed" if decision.allowed else "denied"),
    )


def _sentence(grant: Grant, verb: Verb, decided: str) -> str:
    subject = grant.subject.identity or f"the group {grant.subject.group}"
    below = " and below" if grant.scope == permissions_pb2.SCOPE_SUBTREE else " alone"
    giver = grant.granted_by or _NOBODY
    return f"{subject} is {decided} to {verb} in {grant.namespace}{below}, by {giver}."
