"""Users, a server that serves, and servers that do not."""

from __future__ import annotations

import shutil
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.client.profiles import Profiles
from tests.cli.deployments import Deployment
from tests.cli.program import User
from tests.cli.server import Server


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
    invitation = server.invite(f"member-{uuid.uuid4()}", home / "invitation")
    assert User(home).run("join", invitation).code == 0
    return home


@pytest.fixture
def member(joined_home: Path, user: User) -> User:
    """A user with the member's profile, in a copy that the test may damage."""
    shutil.copytree(joined_home, user.home, dirs_exist_ok=True)
    return user


@pytest.fixture
def namespace() -> str:
    return f"team/{uuid.uuid4()}"


@pytest.fixture
def record(member: User, namespace: str) -> str:
    """The name of a record of the member's, whose value is `value`."""
    assert member.run("put", namespace, "record", stdin=b"value").code == 0
    return "record"
