"""Bringing a deployment's database to this version's schema."""

from __future__ import annotations

from typing import Final

from sealwire.core.errors import ConfigurationError
from sealwire.server.deployment import Deployment
from sealwire.storage import current_revision, upgrade

_WITHOUT_TAGS: Final = "0001"


def migrate_deployment(deployment: Deployment) -> None:
    """Upgrade the database, in one transaction; there is no way back. Salts leave it on that way.

    Raises:
        ConfigurationError: if it is not one of ours, a newer version's, or was made with other
            root keys; or if it has lost the tags that this deployment's database had before.
            Tagging it anew would make whatever was put into it the server's own word.
    """
    journal = deployment.authority_journal
    if journal.exists() and current_revision(deployment.database) == _WITHOUT_TAGS:
        raise ConfigurationError(
            f"{deployment.database} has the schema of the first version, but {journal} shows that "
            "this deployment had a newer one: it was replaced or altered, and was left as it is. "
            "Put the newest database back. If you mean to go on with this one, and trust what it "
            f"says of who may do what, move {journal.name} away first."
        )
    upgrade(deployment.database, root_keys=deployment.root_keys, salts=deployment.salts)
