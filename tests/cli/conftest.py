"""Users, a server that serves, and servers that do not."""

from __future__ import annotations

import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.client import Client
from sealwire.client.enrolment import join
from sealwire.client.profiles import Profiles
from sealwire.core.clock import system_clock
from sealwire.core.invitation import Invitation
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import CertificateAuthority, Validity
from tests.cli.deployments import Deployment
from tests.cli.key_servers import KeyServer, key_server
from tests.cli.program import User
from tests.cli.server import Server
from tests.support.event_loops import LoopThread, loop_thread
from tests.support.pki import Pki
from tests.support.servers import House


@pytest.fixture
def user(tmp_path: Path) -> User:
    home = tmp_path / "home"
    home.mkdir()
    return User(home)


@pytest.fixture
def profiles(user: User) -> Profiles:
    return Profiles(user.profiles.parent)


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """A server that takes connections and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        yield listener


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, held so that nobody else gets it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def absent(closed_port: int) -> Deployment:
    """A deployment whose server is not running."""
    return Deployment.create(f"127.0.0.1:{closed_port}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server.create(tmp_path_factory.mktemp("server") / "deployment") as running:
        yield running


@pytest.fixture
def invitation(server: Server, tmp_path: Path) -> Path:
    return server.invite(f"alice-{uuid.uuid4()}", tmp_path / "invitation")


@pytest.fixture(scope="session")
def joined_home(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a user whose profile "default" was made by joining."""
    home = tmp_path_factory.mktemp("joined") / "home"
    home.mkdir()
    invitation = server.invite(f"a-member-{uuid.uuid4()}", home / "invitation")
    assert User(home).run("join", invitation).code == 0
    return home


@pytest.fixture
def member(joined_home: Path, user: User) -> User:
    """A user with the member's profile, in a copy that the test may damage."""
    shutil.copytree(joined_home, user.home, dirs_exist_ok=True)
    return user


@pytest.fixture(scope="session")
def admin_home(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a user whose profile "default" is an admin's."""
    home = tmp_path_factory.mktemp("admin") / "home"
    home.mkdir()
    invitation = server.invite(f"admin-{uuid.uuid4()}", home / "invitation", "--role", "admin")
    assert User(home).run("join", invitation).code == 0
    return home


@pytest.fixture
def admin(admin_home: Path) -> User:
    """An admin; whoever rotates or revokes this one's key breaks every other test."""
    return User(admin_home)


@pytest.fixture
def admin_client(admin: User) -> Iterator[Client]:
    with Profiles(admin.profiles.parent).load("default").connect() as client:
        yield client


@pytest.fixture
def alice(admin_client: Client, user: User) -> User:
    """A new member, of a name that `own_name` gives, whose key a test may change."""
    invitation = Invitation.from_json(admin_client.identities.invite(f"alice-{uuid.uuid4()}"))
    profiles = Profiles(user.profiles.parent)
    join(invitation, profiles, "default", clock=system_clock, random=os.urandom)
    return user


@pytest.fixture
def namespace() -> str:
    return f"team/{uuid.uuid4()}"


@pytest.fixture
def record(member: User, namespace: str) -> str:
    """The name of a record of the member's, whose value is `value`."""
    assert member.run("put", namespace, "record", stdin=b"value").code == 0
    return "record"


@pytest.fixture(scope="session")
def loop() -> Iterator[LoopThread]:
    with loop_thread() as running:
        yield running


@pytest.fixture(scope="session")
def pki() -> Pki:
    """A PKI that lasts, so that clients' clocks can be moved on by days."""
    return Pki(CertificateAuthority.create("Test CA", validity=Validity(system_clock(), 90)))


@pytest.fixture
def house(pki: Pki, loop: LoopThread) -> House:
    return House(pki=pki, loop=loop, server_key=PrivateKey.generate(os.urandom))


@pytest.fixture
def keys(house: House) -> Iterator[KeyServer]:
    """A server that renews and rotates as the test tells it to."""
    with key_server(house) as serving:
        yield serving
