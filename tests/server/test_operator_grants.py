from __future__ import annotations

import pytest

from sealwire.client.errors import ForbiddenError
from sealwire.v1.permissions_pb2 import VERB_READ
from tests.server.members import enrol
from tests.server.processes import operate
from tests.server.served import Served


def test_the_operator_reopens_a_namespace_whose_only_grantor_is_gone(own_server: Served) -> None:
    root = enrol(own_server.invite("root", role="admin"), clock=own_server.clock)
    gone = own_server.enrol("gone")
    heir = own_server.enrol("heir")
    with gone.client() as client:
        client.put("payments", "pin", b"4711")
    with root.client() as client, heir.client() as heirs:
        client.identities.remove("gone")
        with pytest.raises(ForbiddenError):
            heirs.put("payments", "pin", b"0815")
        directory = own_server.deployment.directory
        done = operate("grant", directory, "heir", "read,share", "payments")
        assert done.out == "heir may read, share in payments and below.\n"
        assert heirs.get("payments", "pin").value == b"4711"
        with pytest.raises(ForbiddenError):
            heirs.put("payments", "pin", b"0815")
        events = client.identities.get("heir").events
        assert (events[0].kind, events[0].actor) == ("operator.granted", "")
        (decision,) = heirs.permissions.test([VERB_READ], "payments")
        assert decision.reason.endswith("or by its operator.")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nobody", "read", "payments"), "There is no identity of the name or key 'nobody'."),
        (("root", "read", "pay//ments"), "A segment of this namespace is empty"),
        (("root", "rule", "payments"), "'rule' is no verb"),
    ],
)
def test_what_the_operator_can_not_have_meant_is_refused(
    own_server: Served, arguments: tuple[str, str, str], sentence: str
) -> None:
    enrol(own_server.invite("root", role="admin"), clock=own_server.clock)
    done = operate("grant", own_server.deployment.directory, *arguments)
    assert (done.code, done.out) == (1, "")
    assert sentence in done.err
