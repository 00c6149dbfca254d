"""Where the portions of the `sealwire` namespace lie, and which files belong to the project."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Portion → the source root that holds it.
PORTIONS = {
    "sealwire.v1": "protos",
    "sealwire.core": "core",
    "sealwire.interceptors": "server",
    "sealwire.storage": "server",
    "sealwire.server": "server",
    "sealwire.client": "client",
}


def portion_folder(portion: str) -> Path:
    """Return the folder of a portion's modules."""
    return ROOT / PORTIONS[portion] / portion.replace(".", "/")


def is_checkout() -> bool:
    """Tell whether the tree is a git checkout, and not an unpacked sdist."""
    return (ROOT / ".git").exists()


def project_files() -> list[Path]:
    """Return the checkout's files, relative to its root: tracked, or new and not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    names = {name for name in listing.stdout.split("\0") if name}
    return sorted(Path(name) for name in names if (ROOT / name).is_file())
