"""A user, and a server that does not answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.client.profiles import Profiles
from tests.cli.deployments import Deployment
from tests.cli.program import User


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
