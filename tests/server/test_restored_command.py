"""A backup is put back: what ended since stays ended, and nothing asked since is accepted again."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealwire.client import UnauthenticatedError
from sealwire.core.invitation import Invitation
from sealwire.v1.records_pb2 import PutRecordRequest
from tests.server.cast import Actor, outcome
from tests.server.keyring import rotated, serial
from tests.server.members import Member, enrol, invite
from tests.server.processes import (
    ServerProcess,
    begin,
    init,
    operate,
    operate_at_terminal,
)
from tests.server.restoring import ahead, back_up, put_back, take_up
from tests.server.wire import PUT, UNAUTHENTICATED, wire_of
from tests.support.programs import PATIENCE

NAMESPACE = "team/x"
REFUSED = "UNAUTHENTICATED"


@dataclass(frozen=True)
class Scene:
    """A server, an admin at work, and a member at work."""

    root: Actor
    bob: Actor


@dataclass(frozen=True)
class Company:
    """A deployment that is not served now, who is in it, and a backup of it."""

    directory: Path
    root: Member
    bob: Member
    invitation: Invitation
    backup: Path

    @contextlib.contextmanager
    def served(self) -> Iterator[Scene]:
        """Serve it for a `with` block, to clients that need not wait after a restoration."""
        with ServerProcess(self.directory) as server, contextlib.ExitStack() as stack:
            members = [ahead(member, server.identity) for member in (self.root, self.bob)]
            actors = [Actor(member, stack.enter_context(member.client())) for member in members]
            yield Scene(*actors)
            stack.close()
            assert server.terminate().code == 0

    def put_back(self) -> None:
        """Put the backup in the place of the database."""
        put_back(self.backup, self.directory)


@pytest.fixture(scope="module")
def template(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The company that each test gets a copy of."""
    directory = tmp_path_factory.mktemp("company") / "deployment"
    shutil.copytree(pristine, directory)
    with ServerProcess(directory) as server, contextlib.ExitStack() as stack:
        members = [
            enrol(invite(server.deployment, "root", role="admin")),
            enrol(invite(server.deployment, "bob")),
        ]
        root, bob = (Actor(member, stack.enter_context(member.client())) for member in members)
        invitation = invite(server.deployment, "carol")
        root.client.put(NAMESPACE, "record", b"before")
        root.grant(bob, "read write", NAMESPACE)
        root.client.permissions.create_group("ops")
        root.client.permissions.add_member("ops", "bob")
        root.grant("ops", "list", NAMESPACE)
        backup = back_up(directory)
        stack.close()
        assert server.terminate().code == 0
    return Company(directory, root.member, bob.member, invitation, backup)


@pytest.fixture
def company(template: Company, tmp_path: Path) -> Company:
    directory = Path(shutil.copytree(template.directory, tmp_path / "deployment"))
    return dataclasses.replace(template, directory=directory)


Act = Callable[[Scene], object]


def read(scene: Scene) -> str:
    return outcome(scene.bob.client.get, NAMESPACE, "record")


def listing(scene: Scene) -> str:
    return outcome(scene.bob.names, NAMESPACE)


ENDINGS: dict[str, tuple[Act, Callable[[Scene], str], str, str]] = {
    "a revoked key": (
        lambda scene: scene.root.client.keys.revoke(scene.bob.key_id),
        read,
        REFUSED,
        "key {key} of bob: revoked",
    ),
    "a revoked certificate": (
        lambda scene: scene.root.client.keys.revoke_certificate(
            scene.bob.key_id, serial(scene.bob.member)
        ),
        read,
        REFUSED,
        "certificate {serial} of key {key} of bob: revoked",
    ),
    "a rotated key": (
        lambda scene: rotated(scene.bob.member),
        read,
        REFUSED,
        "key {key} of bob: revoked",
    ),
    "a suspension": (
        lambda scene: scene.root.client.identities.suspend("bob"),
        read,
        REFUSED,
        "bob: suspended",
    ),
    "a removal": (
        lambda scene: scene.root.client.identities.remove("bob"),
        read,
        REFUSED,
        "bob: removed",
    ),
    "an erasure": (
        lambda scene: scene.root.client.identities.erase("bob"),
        read,
        REFUSED,
        "bob: erased",
    ),
    "a grant taken back": (
        lambda scene: scene.root.ungrant(scene.bob, "read", NAMESPACE),
        read,
        "PERMISSION_DENIED",
        "allow read in team/x (subtree) to bob: taken back",
    ),
    "a denial": (
        lambda scene: scene.root.deny(scene.bob, "read", NAMESPACE),
        read,
        "PERMISSION_DENIED",
        "deny read in team/x (subtree) to bob",
    ),
    "a membership": (
        lambda scene: scene.root.client.permissions.remove_member("ops", "bob"),
        listing,
        "PERMISSION_DENIED",
        "bob in group ops: taken back",
    ),
}


# case 98
@pytest.mark.parametrize(("act", "look", "wanted", "said"), ENDINGS.values(), ids=ENDINGS.keys())
def test_what_ended_since_the_backup_has_ended_in_it(
    company: Company, act: Act, look: Callable[[Scene], str], wanted: str, said: str
) -> None:
    with company.served() as scene:
        assert look(scene) == "OK"
        act(scene)
    company.put_back()
    operate("serve", company.directory).assert_refused("sealwire-server restored")
    done = take_up(company.directory)
    phrase = said.format(key=company.bob.key.public_key.key_id, serial=serial(company.bob))
    assert "Ended again:\n" in done.out
    assert f"  {phrase}\n" in done.out
    with company.served() as scene:
        assert look(scene) == wanted
        assert scene.root.client.get(NAMESPACE, "record").value == b"before"


# case 98
def test_an_erased_identitys_salt_that_came_back_is_destroyed_again(company: Company) -> None:
    """With the database, by `restored`; without, by the next start."""
    salts, mirror = company.directory / "salts", company.directory.with_name("salts.copy")
    bobs = salts / company.bob.identity.id
    shutil.copytree(salts, mirror)
    with company.served() as scene:
        scene.root.client.identities.erase("bob")
        assert not bobs.exists()
    company.put_back()
    shutil.copytree(mirror, salts, dirs_exist_ok=True)
    assert bobs.exists()
    assert take_up(company.directory).code == 0
    assert not bobs.exists()
    shutil.copytree(mirror, salts, dirs_exist_ok=True)
    with company.served() as scene:
        assert not bobs.exists()
        assert read(scene) == REFUSED
        assert scene.root.client.get(NAMESPACE, "record").value == b"before"


def test_whoever_lost_their_key_by_it_is_named_and_can_be_invited_to_recover(
    company: Company, tmp_path: Path
) -> None:
    with company.served() as scene:
        new = rotated(scene.bob.member)
    company.put_back()
    done = take_up(company.directory, "--output", "json")
    report = json.loads(done.out)
    assert (report["locked_out"], report["incomplete"]) == (["bob"], False)
    assert report["lost"] == [f"key {new.key.public_key.key_id} of bob"]
    out = tmp_path / "bob.invitation"
    assert operate("invite", company.directory, "bob", "--recover", "--out", out).code == 0


def test_an_invitation_that_was_used_is_worth_nothing(company: Company) -> None:
    with company.served() as scene:
        enrol(_at(company.invitation, scene), clock=scene.bob.member.clock)
    company.put_back()
    done = take_up(company.directory)
    assert "  invitation of carol: used\n" in done.out
    assert "Given since the backup, and lost:\n" in done.out
    assert "  identity carol\n" in done.out
    with company.served() as scene, pytest.raises(UnauthenticatedError):
        enrol(_at(company.invitation, scene), clock=scene.bob.member.clock)


def _at(invitation: Invitation, scene: Scene) -> Invitation:
    return dataclasses.replace(invitation, server=scene.root.member.server)


# case 98
def test_what_was_accepted_after_the_backup_is_not_accepted_again(company: Company) -> None:
    request = PutRecordRequest(namespace=NAMESPACE, name="record", value=b"captured")
    with company.served() as scene:
        captured = company.root.signed(PUT, request)
        with wire_of(scene.root.member) as line:
            assert line.answer(PUT, captured).HasField("body")
    company.put_back()
    assert take_up(company.directory).code == 0
    with company.served() as scene:
        with wire_of(scene.root.member) as line:
            assert line.refusal(PUT, captured) == UNAUTHENTICATED
        assert scene.root.client.get(NAMESPACE, "record").value == b"before"


def test_requests_from_before_the_start_that_follows_are_refused(company: Company) -> None:
    company.put_back()
    assert take_up(company.directory).code == 0
    request = PutRecordRequest(namespace=NAMESPACE, name="record", value=b"earlier")
    early = company.root.signed(PUT, request)
    with company.served() as scene, wire_of(scene.root.member) as line:
        assert line.refusal(PUT, early) == UNAUTHENTICATED


def test_a_database_that_is_not_older_is_taken_up_without_a_question(company: Company) -> None:
    before = (company.directory / "sealwire.db").read_bytes()
    journal = (company.directory / "authority.journal").read_bytes()
    done = operate("restored", company.directory)
    assert (done.code, done.err) == (0, "")
    assert done.out == "Endings applied again: 0. The server may be started.\n"
    assert (company.directory / "sealwire.db").read_bytes() == before
    assert (company.directory / "authority.journal").read_bytes() == journal


def older(company: Company) -> Path:
    """Put back a database that is older, and return the deployment."""
    with company.served() as scene:
        scene.root.client.keys.revoke(scene.bob.key_id)
    company.put_back()
    return company.directory


def test_without_a_terminal_and_without_yes_nothing_is_done(company: Company) -> None:
    directory = older(company)
    before = (directory / "sealwire.db").read_bytes()
    done = operate("restored", directory)
    assert (done.code, done.out) == (1, "")
    assert "--yes" in done.err
    # The header, of 100 bytes, says how the file was opened.
    assert (directory / "sealwire.db").read_bytes()[100:] == before[100:]
    assert list((directory / "replay").iterdir())


@pytest.mark.parametrize(("typed", "code"), [(b"n\n", 130), (b"y\n", 0)])
def test_on_a_terminal_it_asks(company: Company, typed: bytes, code: int) -> None:
    directory = older(company)
    done = operate_at_terminal(typed, "restored", directory)
    assert done.code == code
    assert "what was given since then is lost. Go on? [y/N]" in done.out + done.err
    again = operate("restored", directory)  # which has nothing to ask, if it was done
    assert (again.code == 0) == (code == 0)


# case 98
def test_killed_before_its_commit_it_has_changed_no_right_and_is_finished_by_another(
    company: Company,
) -> None:
    directory = older(company)
    with contextlib.closing(sqlite3.connect(directory / "sealwire.db")) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("BEGIN IMMEDIATE")
        with begin("restored", directory, "--yes") as process:
            deadline = time.monotonic() + PATIENCE
            while list((directory / "replay").iterdir()):
                assert time.monotonic() < deadline
            process.kill()
    operate("serve", directory).assert_refused("sealwire-server restored")
    assert "bob: revoked" in take_up(directory).out
    with company.served() as scene:
        assert read(scene) == REFUSED


def test_while_it_is_served_a_deployment_is_not_taken_up(company: Company) -> None:
    with company.served():
        take_up(company.directory).assert_refused("Another process is serving")


def test_a_damaged_journal_is_refused_with_a_sentence_by_every_command(company: Company) -> None:
    journal = company.directory / "authority.journal"
    text = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*text[:2], *text[3:]]))
    for command in ("serve", "restored", "reseal"):
        operate(command, company.directory).assert_refused("is damaged. The line behind change")


def test_without_a_journal_the_backup_is_taken_up_as_it_is(company: Company) -> None:
    directory = older(company)
    (directory / "authority.journal").unlink()
    assert take_up(directory).code == 0
    with company.served() as scene:
        assert read(scene) == "OK"


def test_a_backup_of_another_deployment_is_refused(company: Company, tmp_path: Path) -> None:
    other = init(tmp_path / "other")
    put_back(company.backup, other)
    take_up(other).assert_refused("other root keys")
