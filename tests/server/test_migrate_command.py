"""`sealwire-server migrate`: what version 0.1 left becomes this version's, or stays as it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealwire.client import TlsIdentity
from sealwire.core.clock import system_clock
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import Validity, certificate_pem, new_tls_key, tls_key_pem
from sealwire.server.deployment import load_deployment
from sealwire.storage.revisions import known_revisions
from sealwire.v1.identity_pb2 import Identity
from tests.server.cast import refused
from tests.server.members import Member
from tests.server.processes import ServerProcess, operate
from tests.server.restoring import ahead, put_back, take_up
from tests.storage.builders import plain
from tests.storage.first_schema import NAMESPACES, VALUES, FirstDatabase
from tests.support.programs import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
# What version 0.1 wrote, of which this version has more.
SETTINGS = """\
listen = "127.0.0.1:0"
address = "{address}"
audience = "{audience}"
trust_domain = "{trust_domain}"
window_seconds = 60
skew_seconds = 10
drain_seconds = 25
client_certificate_days = 90
"""


@dataclass(frozen=True)
class Old:
    """A deployment as version 0.1 left it, and its members' keys."""

    directory: Path
    keys: dict[str, PrivateKey]

    def member(self, name: str, server: ServerProcess) -> Member:
        """Return somebody who enrolled with version 0.1, with a certificate of the same CA."""
        key, tls_key, deployment = self.keys[name], new_tls_key(), load_deployment(self.directory)
        certificate = deployment.authority.issue_client(
            tls_key.public_key(),
            deployment.trust_domain.key_uri(key.public_key.key_id),
            validity=Validity(system_clock(), days=1),
        )
        tls = TlsIdentity(certificate_pem(certificate), tls_key_pem(tls_key))
        return Member(Identity(name=name), key, tls, server.identity)


@pytest.fixture
def old(directory: Path) -> Old:
    deployment = load_deployment(directory)
    config = deployment.config
    keys = {name: PrivateKey.generate(os.urandom) for name in ("alice", "bob")}
    (directory / "sealwire.db").unlink()
    FirstDatabase(
        directory / "sealwire.db",
        root_key=deployment.root_keys.load(1),
        deployment_id=config.audience.removeprefix("sealwire:"),
        members=keys,
    ).create()
    (directory / "sealwire.toml").write_text(
        SETTINGS.format(
            address=config.address, audience=config.audience, trust_domain=config.trust_domain
        )
    )
    return Old(directory, keys)


def test_a_deployment_of_version_0_1_is_refused_until_it_is_migrated_and_then_serves(
    old: Old,
) -> None:
    operate("serve", old.directory).assert_refused("run: sealwire-server migrate")
    backup = old.directory.with_name("before.db")
    assert operate("backup", old.directory, backup).code == 0
    done = operate("migrate", old.directory)
    assert (done.code, done.err) == (0, "")
    with ServerProcess(old.directory) as server:
        for name in old.keys:
            with old.member(name, server).client() as client:
                assert client.whoami().name == name
                for (namespace, record), value in VALUES.items():
                    if NAMESPACES[namespace] == name:
                        assert client.get(namespace, record).value == value
                        assert client.put(namespace, record, b"newer").version == 4
        assert server.terminate().code == 0


# case 98
def test_a_backup_from_before_the_upgrade_is_migrated_and_then_taken_up(
    old: Old, tmp_path: Path
) -> None:
    before = Path(shutil.copyfile(old.directory / "sealwire.db", tmp_path / "before.db"))
    assert operate("migrate", old.directory).code == 0
    with ServerProcess(old.directory) as server:
        with old.member("alice", server).client() as client:
            client.keys.revoke(old.keys["bob"].public_key.key_id)
        assert server.terminate().code == 0
    put_back(before, old.directory)
    for command in ("serve", "restored"):
        operate(command, old.directory).assert_refused("run: sealwire-server migrate")
    # The journal says that the database was upgraded before, so this one is believed on request.
    journal, aside = old.directory / "authority.journal", tmp_path / "authority.journal"
    operate("migrate", old.directory).assert_refused("move authority.journal away")
    journal.rename(aside)
    assert operate("migrate", old.directory).code == 0
    aside.rename(journal)
    operate("serve", old.directory).assert_refused("run: sealwire-server restored")
    assert take_up(old.directory).code == 0
    with ServerProcess(old.directory) as server:
        alice, bob = (ahead(old.member(name, server), server.identity) for name in old.keys)
        with alice.client() as alices, bob.client() as bobs:
            assert alices.whoami().name == "alice"
            assert refused(bobs.whoami) == "UNAUTHENTICATED"


# case 100
@pytest.mark.timeout(300)
def test_killed_before_any_step_a_migration_has_done_nothing_or_all_and_is_finished_by_another(
    old: Old, tmp_path: Path
) -> None:
    first = Path(shutil.copyfile(old.directory / "sealwire.db", tmp_path / "first.db"))
    done = subprocess.run(
        [sys.executable, "-m", "tests.server.interrupted_migration", old.directory, first],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE * 4,
    )
    assert done.returncode == 0, done.stderr
    *killed, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(killed) > 50
    assert all(outcome["killed"] for outcome in killed)
    old_states = {outcome["left"]["digest"] for outcome in killed if _is_old(outcome)}
    assert len(old_states) == 1
    assert _is_old(killed[0])
    assert not last["killed"]
    salts = _salts(first)
    assert len(salts) == 2
    for outcome in [*killed, last]:
        then = outcome["then"]
        assert (then["revision"], then["marked"]) == (known_revisions()[-1], 0)
        assert then["salts"] == salts
        if not _is_old(outcome):
            assert (then["digest"], salts) == (outcome["left"]["digest"], outcome["left"]["salts"])
    # Between the commit and the end, the file says that old pages may hold salts.
    assert {outcome["left"]["marked"] for outcome in killed if not _is_old(outcome)} == {1}


def _salts(database: Path) -> dict[str, str]:
    with plain(database) as connection:
        found = connection.execute("SELECT id, salt FROM identities").fetchall()
    return {identity_id: salt.hex() for identity_id, salt in found}


def _is_old(outcome: dict[str, dict[str, str]]) -> bool:
    return outcome["left"]["revision"] == "0001"
