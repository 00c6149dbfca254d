"""What a stranger gets: an sdist that builds, and a wheel that works away from this tree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging.layout import PORTIONS, ROOT, is_checkout, project_files

# Building and installing share the machine and its network with everything else.
pytestmark = pytest.mark.timeout(600)

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@dataclass(frozen=True)
class Distributions:
    """The sdist, the wheel built from it, and the wheel built from the tree."""

    sdist: Path
    wheel: Path
    wheel_from_tree: Path


@dataclass(frozen=True)
class Installation:
    """An otherwise empty environment with the wheel in it, and a folder to run its programs in."""

    programs: Path
    folder: Path

    def run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run an installed program away from the tree; raise CalledProcessError if it fails."""
        return run(self.programs / program, *arguments, cwd=self.folder)


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed, with nothing of this process's Python in its environment."""
    environment = {name: value for name, value in os.environ.items() if "PYTHON" not in name}
    done = subprocess.run(
        command, cwd=cwd, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
    return done


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    folder = tmp_path_factory.mktemp("distributions")
    build: tuple[str | Path, ...] = (sys.executable, "-m", "build", "--no-isolation", ROOT)
    run(*build, "--outdir", folder / "both", cwd=folder)
    run(*build, "--wheel", "--outdir", folder / "tree", cwd=folder)
    return Distributions(
        sdist=only(folder / "both", "*.tar.gz"),
        wheel=only(folder / "both", "*.whl"),
        wheel_from_tree=only(folder / "tree", "*.whl"),
    )


@pytest.fixture(scope="module")
def installation(
    distributions: Distributions, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    folder = tmp_path_factory.mktemp("installation")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    programs = folder / "venv" / "bin"
    pip = (programs / "python", "-m", "pip", "--quiet", "--disable-pip-version-check")
    wheel = f"{distributions.wheel}[server]"
    run(*pip, "install", "--constraint", ROOT / "constraints.txt", wheel, cwd=folder)
    return Installation(programs=programs, folder=folder)


def only(folder: Path, pattern: str) -> Path:
    """Return the one file of a folder that matches."""
    (found,) = folder.glob(pattern)
    return found


def contents(wheel: Path) -> set[str]:
    """Return the names of a wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.skipif(not is_checkout(), reason="only a checkout knows which files are the project's")
def test_the_sdist_holds_every_file_of_the_project(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as archive:
        names = {str(Path(*Path(name).parts[1:])) for name in archive.getnames()}
    assert {str(path) for path in project_files()} - names == set()


def test_the_sdist_builds_the_same_wheel_as_the_tree(distributions: Distributions) -> None:
    assert contents(distributions.wheel) == contents(distributions.wheel_from_tree)


def test_the_wheel_holds_every_proto_file_where_an_import_looks_for_it(
    distributions: Distributions,
) -> None:
    protos = {str(path.relative_to(ROOT / "protos")) for path in ROOT.glob("protos/**/*.proto")}
    assert "sealwire/v1/policy.proto" in protos
    assert protos <= contents(distributions.wheel)


def test_the_wheel_says_that_every_portion_is_typed(distributions: Distributions) -> None:
    markers = {f"{portion.replace('.', '/')}/py.typed" for portion in PORTIONS}
    assert markers <= contents(distributions.wheel)


def test_the_wheel_holds_the_database_migrations(distributions: Distributions) -> None:
    migrations = re.compile(r"sealwire/storage/(?:\w+/)*versions/\w+\.py")
    assert any(migrations.fullmatch(name) for name in contents(distributions.wheel))


def test_the_wheel_holds_nothing_but_the_namespace(distributions: Distributions) -> None:
    tops = {name.split("/")[0] for name in contents(distributions.wheel)}
    assert tops == {"sealwire", f"sealwire-{VERSION}.dist-info"}
    assert "sealwire/__init__.py" not in contents(distributions.wheel)


@pytest.mark.parametrize("portion", PORTIONS)
def test_the_installed_wheel_provides_every_portion(
    installation: Installation, portion: str
) -> None:
    script = f"import {portion} as portion; print(*portion.__path__)"
    where = Path(installation.run("python", "-c", script).stdout.strip())
    assert where.is_relative_to(installation.programs.parent)


@pytest.mark.parametrize("program", ["sealwire", "sealwire-server"])
def test_the_installed_programs_say_how_they_are_used(
    installation: Installation, program: str
) -> None:
    assert "Usage:" in installation.run(program, "--help").stdout


@pytest.mark.parametrize("program", ["sealwire", "sealwire-server"])
def test_the_installed_programs_tell_their_version(
    installation: Installation, program: str
) -> None:
    assert VERSION in installation.run(program, "--version").stdout


def test_the_demonstration_runs_on_the_installed_wheel(installation: Installation) -> None:
    assert installation.run("python", ROOT / "examples" / "demo.py").stdout
