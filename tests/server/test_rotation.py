"""A new key takes the old one's place in one step, and nobody's but the one that proves itself."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.protobuf.message import Message

from sealwire.core.keys import PrivateKey, PublicKey
from sealwire.core.pki import certificate_request, new_tls_key
from sealwire.core.requests import RequestFactory
from sealwire.core.sealing import read_header
from sealwire.v1.identity_pb2 import WhoAmIRequest
from sealwire.v1.keys_pb2 import (
    KEY_STATE_ACTIVE,
    KEY_STATE_ROTATED,
    NextKey,
    RenewCertificateRequest,
    RotateKeyRequest,
)
from tests.core.edwards import NON_CANONICAL, SMALL_ORDER, add, base_times
from tests.server.applicants import refusal
from tests.server.cast import Actor, Cast, outcome, refused
from tests.server.keyring import ask, certified, new_key, proof, renewed, rotated, serial, works
from tests.server.members import Member
from tests.server.served import Served
from tests.server.wire import UNAUTHENTICATED, WHOAMI, wire, wire_of

ROTATE = "/sealwire.v1.KeyService/RotateKey"
RENEW = "/sealwire.v1.KeyService/RenewCertificate"


def switch(old: Member, new: Member) -> None:
    """Make a key active whose certificate is at hand."""
    with old.client() as client:
        client.keys.rotate(proof(new.key, old))


# The next key's certificate comes first, and opens nothing.


# case 9
def test_the_next_keys_certificate_opens_nothing_before_the_key_is_active(
    cast: Cast, name: str
) -> None:
    old = cast.join().member
    new = certified(old)
    with wire_of(new) as line:
        assert ask(line, new).status == UNAUTHENTICATED
        assert ask(line, old).status == UNAUTHENTICATED
        request = RotateKeyRequest(next_key=proof(new.key, old))
        assert line.refusal(ROTATE, old.signed(ROTATE, request)) == UNAUTHENTICATED
        assert line.refusal(ROTATE, new.signed(ROTATE, request)) == UNAUTHENTICATED
    assert refusal(cast.house, cast.house.invite(name), key=new.key, tls=new.tls) == UNAUTHENTICATED
    with wire_of(old) as line:
        assert works(line, old)
        assert ask(line, new).status == UNAUTHENTICATED
    switch(old, new)
    with wire_of(new) as line:
        assert works(line, new)


def test_what_is_prepared_may_be_prepared_again_and_given_up(cast: Cast) -> None:
    old = cast.join().member
    first, second = certified(old), certified(old)
    again = certified(old, first.key)
    assert serial(again) != serial(first)
    switch(old, first)
    for member, active in ((first, True), (again, True), (second, False), (old, False)):
        with wire_of(member) as line:
            assert works(line, member) == active
    (newest, _) = cast.enter(first).client.keys.list()
    assert newest.public_key_id == first.key.public_key.key_id


# The step itself.


# case 17
def test_the_old_key_is_refused_at_once_as_any_stranger_is(cast: Cast) -> None:
    old = cast.join().member
    new = certified(old)
    with wire_of(old) as line:
        assert works(line, old)
        switch(old, new)
        for path, request in (
            (WHOAMI, WhoAmIRequest()),
            (ROTATE, RotateKeyRequest(next_key=proof(new_key(), old))),
            (
                RENEW,
                RenewCertificateRequest(certificate_request=certificate_request(new_tls_key())),
            ),
        ):
            assert line.refusal(path, old.signed(path, request)) == UNAUTHENTICATED
        stranger = dataclasses.replace(old, key=new_key())
        assert ask(line, stranger).status == UNAUTHENTICATED


def test_the_chain_of_keys_is_counted_and_dated(own_cast: Cast) -> None:
    clock, member = own_cast.house.clock, own_cast.join().member
    chain, moments = [member], [clock()]
    for _ in range(3):
        clock.advance(1_000)
        chain.append(rotated(chain[-1]))
        moments.append(clock())
    keys = own_cast.enter(chain[-1]).client.keys.list()
    assert [(key.public_key_id, key.public_key) for key in keys] == [
        (member.key.public_key.key_id, member.key.public_key.raw) for member in chain[::-1]
    ]
    assert [key.generation for key in keys] == [4, 3, 2, 1]
    assert [key.created_at for key in keys] == moments[::-1]
    assert [key.ended_at for key in keys] == [0, *moments[:0:-1]]
    assert [key.state for key in keys] == [KEY_STATE_ACTIVE, *[KEY_STATE_ROTATED] * 3]
    assert {key.expires_at for key in keys} == {0}


def test_the_answer_and_the_event_tell_which_key_follows(cast: Cast) -> None:
    old = cast.join()
    new = certified(old.member)
    key = old.client.keys.rotate(proof(new.key, old.member))
    after = cast.enter(new)
    assert after.client.keys.list()[0] == key
    assert key.public_key_id == after.client.whoami().public_key_id == after.key_id
    event = after.client.identities.get("").events[0]
    assert (event.kind, event.detail) == ("key.rotated", after.key_id)
    assert (event.actor, event.actor_key_id) == (old.name, old.key_id)


def test_records_rights_groups_and_the_identity_are_kept(cast: Cast, namespace: str) -> None:
    admin, old, friend = cast.admin(), cast.join(), cast.join()
    group = cast.group(admin, old)
    old.client.put(namespace, "record", b"value")
    old.client.put(namespace, "spare", b"")
    friend.client.put(f"{namespace}-shared", "record", b"shared")
    friend.grant(old, "read", f"{namespace}-shared")
    new = cast.enter(rotated(old.member))
    before, after = old.member.identity, new.client.whoami()
    after.public_key_id = before.public_key_id
    assert after == before
    assert new.client.get(namespace, "record").value == b"value"
    assert new.does(namespace) == "read write delete list"
    assert new.client.get(f"{namespace}-shared", "record").value == b"shared"
    assert refused(new.client.put, f"{namespace}-shared", "record", b"") == "PERMISSION_DENIED"
    assert new.grant(friend, "read", namespace)
    assert [each.name for each in new.client.permissions.groups()] == [group]


def sealed_to(house: Served, namespace: str, name: str) -> PublicKey:
    """Return the key that a stored record says it is sealed to."""
    database = sqlite3.connect(house.deployment.database)
    found = database.execute(
        "SELECT blob FROM record_versions AS v JOIN namespaces ON namespaces.id = namespace_id"
        " WHERE namespaces.name = ? AND v.name = ? ORDER BY v.version DESC",
        (namespace, name),
    )
    (blob,) = found.fetchone()
    database.close()
    return read_header(blob).owner


def test_what_is_put_from_now_on_is_sealed_to_the_new_key(cast: Cast, namespace: str) -> None:
    old, guest = cast.join(), cast.join()
    for name in ("kept", "replaced"):
        old.client.put(namespace, name, b"before")
    old.grant(guest, "read write", namespace)
    new = cast.enter(rotated(old.member))
    new.client.put(namespace, "replaced", b"after")
    guest.client.put(namespace, "guest's", b"after")
    owners = {
        name: sealed_to(cast.house, namespace, name) for name in ("kept", "replaced", "guest's")
    }
    first, second = old.member.key.public_key, new.member.key.public_key
    assert owners == {"kept": first, "replaced": second, "guest's": second}
    for reader in (new, guest):
        assert reader.client.get(namespace, "kept").value == b"before"
        assert reader.client.get(namespace, "replaced").value == b"after"


# Proof of possession: refused for the certificate as for the step, and nothing is changed.


@dataclasses.dataclass(frozen=True)
class Scene:
    """Who takes part, so that somebody's proof can be tried elsewhere."""

    cast: Cast
    actor: Actor
    key: PrivateKey

    @property
    def true_proof(self) -> NextKey:
        return proof(self.key, self.actor.member)


def flipped(scene: Scene) -> NextKey:
    given = scene.true_proof
    signature = bytearray(given.signature)
    signature[40] ^= 1
    return NextKey(public_key=given.public_key, signature=bytes(signature))


def unsigned(scene: Scene) -> NextKey:
    return NextKey(public_key=scene.key.public_key.raw)


def cut(scene: Scene) -> NextKey:
    given = scene.true_proof
    return NextKey(public_key=given.public_key, signature=given.signature[:-1])


def by_another_key(scene: Scene) -> NextKey:
    other = proof(new_key(), scene.actor.member)
    return NextKey(public_key=scene.key.public_key.raw, signature=other.signature)


def by_the_old_key(scene: Scene) -> NextKey:
    signature = scene.actor.member.key.sign(b"anything")
    return NextKey(public_key=scene.key.public_key.raw, signature=signature)


def for_another_server(scene: Scene) -> NextKey:
    return proof(scene.key, scene.actor.member, audience="sealwire:another")


def for_another_old_key(scene: Scene) -> NextKey:
    return proof(scene.key, scene.cast.join().member)


def for_a_key_that_never_was(scene: Scene) -> NextKey:
    return proof(scene.key, scene.actor.member, old=new_key().public_key.key_id)


def somebodys_request(scene: Scene) -> NextKey:
    """Take the signature of a request for a proof: it was made in another domain."""
    requests = RequestFactory(
        scene.key, scene.actor.member.server.audience, scene.cast.house.clock, os.urandom
    )
    signature = requests.unary(ROTATE, b"").signature
    return NextKey(public_key=scene.key.public_key.raw, signature=signature)


def nothing(_scene: Scene) -> NextKey:
    return NextKey()


def itself(scene: Scene) -> NextKey:
    signature = scene.actor.member.key.sign(b"anything")
    return NextKey(public_key=scene.actor.member.key.public_key.raw, signature=signature)


def somebody_elses(scene: Scene) -> NextKey:
    return proof(scene.cast.join().member.key, scene.actor.member)


def a_revoked_one(scene: Scene) -> NextKey:
    other = scene.cast.join()
    other.client.keys.revoke(other.key_id)
    return proof(other.member.key, scene.actor.member)


def a_removed_identitys(scene: Scene) -> NextKey:
    other = scene.cast.join()
    scene.cast.admin().client.identities.remove(other.name)
    return proof(other.member.key, scene.actor.member)


def assert_refused(scene: Scene, next_key: NextKey, reason: str) -> None:
    """Fail unless both methods refuse, and leave everything as it was."""
    member = scene.actor.member
    request = certificate_request(new_tls_key())
    requests: list[tuple[str, Message]] = [
        (RENEW, RenewCertificateRequest(certificate_request=request, next_key=next_key)),
        (ROTATE, RotateKeyRequest(next_key=next_key)),
    ]
    with wire_of(member) as line:
        for path, message in requests:
            status = line.refusal(path, member.signed(path, message))
            assert status.reason == reason
            assert reason != "UNAUTHENTICATED" or status == UNAUTHENTICATED
        assert works(line, member)
    (key,) = scene.actor.client.keys.list()
    assert (key.public_key_id, key.state) == (scene.actor.key_id, KEY_STATE_ACTIVE)
    events = scene.actor.client.identities.get("").events
    assert [event.kind for event in events] == ["identity.enrolled"]


# case 58
@pytest.mark.parametrize(
    ("forgery", "reason"),
    [
        (flipped, "UNAUTHENTICATED"),
        (unsigned, "UNAUTHENTICATED"),
        (cut, "UNAUTHENTICATED"),
        (by_another_key, "UNAUTHENTICATED"),
        (by_the_old_key, "UNAUTHENTICATED"),
        (for_another_server, "UNAUTHENTICATED"),
        (for_another_old_key, "UNAUTHENTICATED"),
        (for_a_key_that_never_was, "UNAUTHENTICATED"),
        (somebodys_request, "UNAUTHENTICATED"),
        (nothing, "MALFORMED"),
        (itself, "MALFORMED"),
        (somebody_elses, "ALREADY_EXISTS"),
        (a_revoked_one, "ALREADY_EXISTS"),
        (a_removed_identitys, "ALREADY_EXISTS"),
    ],
)
def test_a_key_that_does_not_prove_that_it_follows_this_very_one_is_refused(
    cast: Cast, forgery: Callable[[Scene], NextKey], reason: str
) -> None:
    scene = Scene(cast, cast.join(), new_key())
    assert_refused(scene, forgery(scene), reason)
    switch(scene.actor.member, certified(scene.actor.member, scene.key))


MIXED_ORDER = [add(base_times(7), torsion) for torsion in SMALL_ORDER[1:]]


# case 37, case 39, case 40
@pytest.mark.parametrize("point", [*SMALL_ORDER, *MIXED_ORDER, *NON_CANONICAL[:4]], ids=bytes.hex)
def test_a_key_outside_the_prime_order_group_follows_none(cast: Cast, point: bytes) -> None:
    scene = Scene(cast, cast.join(), new_key())
    # With the identity as key, this signature holds for every message in lax implementations.
    signature = SMALL_ORDER[0] + bytes(32)
    assert_refused(scene, NextKey(public_key=point, signature=signature), "MALFORMED")


def test_a_key_that_the_identity_had_before_does_not_come_back(cast: Cast) -> None:
    first = cast.join().member
    second = rotated(first)
    third = rotated(second)
    for old in (first, second):
        with third.client() as client:
            assert refused(client.keys.rotate, proof(old.key, third)) == "ALREADY_EXISTS"


# case 19
def test_a_step_is_not_taken_twice_by_the_same_request(cast: Cast) -> None:
    old = cast.join().member
    new = certified(old)
    signed = old.signed(ROTATE, RotateKeyRequest(next_key=proof(new.key, old)))
    with wire_of(old) as line:
        assert line.answer(ROTATE, signed).HasField("body")
        assert line.refusal(ROTATE, signed) == UNAUTHENTICATED
    with wire_of(new) as line:
        assert line.refusal(ROTATE, signed) == UNAUTHENTICATED
        assert works(line, new)


# case 19
def test_a_certificate_is_not_issued_twice_for_the_same_request(cast: Cast) -> None:
    member = cast.join().member
    request = RenewCertificateRequest(certificate_request=certificate_request(new_tls_key()))
    signed = member.signed(RENEW, request)
    with wire_of(member) as line:
        assert line.answer(RENEW, signed).HasField("body")
        assert line.refusal(RENEW, signed) == UNAUTHENTICATED
        assert works(line, member)


# case 58
def test_a_proof_that_was_overheard_gives_the_key_to_nobody_else(cast: Cast) -> None:
    alice, mallory = cast.join().member, cast.join()
    next_key = proof(new_key(), alice)
    assert refused(mallory.client.keys.rotate, next_key) == "UNAUTHENTICATED"
    with alice.client() as client:
        assert client.keys.rotate(next_key).generation == 2


# Races.


def test_of_rotations_that_race_exactly_one_takes_place(cast: Cast) -> None:
    racers = 4
    with ThreadPoolExecutor(racers) as pool:
        for _ in range(5):
            old = cast.join()
            candidates = [certified(old.member) for _ in range(racers)]
            start = threading.Barrier(racers)

            def race(new: Member, old: Actor = old, start: threading.Barrier = start) -> str:
                start.wait(timeout=20)
                return outcome(old.client.keys.rotate, proof(new.key, old.member))

            outcomes = list(pool.map(race, candidates))
            assert sorted(outcomes) == ["OK", *["UNAUTHENTICATED"] * (racers - 1)]
            winner = cast.enter(candidates[outcomes.index("OK")])
            states = {key.public_key_id: key.state for key in winner.client.keys.list()}
            assert states == {winner.key_id: KEY_STATE_ACTIVE, old.key_id: KEY_STATE_ROTATED}
            for loser in candidates:
                with wire_of(loser) as line:
                    assert works(line, loser) == (loser is winner.member)


def test_two_identities_that_race_for_one_key_share_it_not(cast: Cast) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            pair, key = [cast.join(), cast.join()], new_key()
            start = threading.Barrier(2)

            def race(actor: Actor, key: PrivateKey = key, start: threading.Barrier = start) -> str:
                start.wait(timeout=20)
                return outcome(actor.client.keys.rotate, proof(key, actor.member))

            outcomes = list(pool.map(race, pair))
            assert sorted(outcomes) == ["ALREADY_EXISTS", "OK"]
            loser = pair[outcomes.index("ALREADY_EXISTS")]
            assert loser.client.whoami() == loser.member.identity


def test_a_connection_of_the_old_key_does_not_carry_the_new_one(cast: Cast) -> None:
    # case 9
    old = renewed(cast.join().member)
    new = rotated(old)
    with wire(old.server, old.tls) as line:
        assert ask(line, new).status == UNAUTHENTICATED
    with wire_of(new) as line:
        assert works(line, new)
