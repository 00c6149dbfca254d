"""The table of permissions: what each method's policy names, and who has it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import sealwire.v1
from docs.generators.rendering import table
from sealwire.core.policy import MethodPolicy, method_policy
from sealwire.server.permissions import PERMISSIONS, Rule
from sealwire.storage import Verb


def permissions() -> str:
    """Return every permission of the contract, with its method and its rule."""
    rows: list[tuple[str, ...]] = [
        (f"`{method.permission}`", f"`{_short(method.path)}`", _who(method)) for method in methods()
    ]
    return table(("permission", "method", "who has it"), rows)


def methods() -> Iterator[MethodPolicy]:
    """Yield the methods that our .proto files declare, service by service."""
    for module in pkgutil.iter_modules(sealwire.v1.__path__, "sealwire.v1."):
        if module.name.endswith("_pb2"):
            declared = importlib.import_module(module.name).DESCRIPTOR.services_by_name
            for service in declared.values():
                for method in service.methods:
                    yield method_policy(f"/{service.full_name}/{method.name}")


def _short(path: str) -> str:
    return path.rpartition(".")[2].replace("/", ".")


def _who(method: MethodPolicy) -> str:
    rule = PERMISSIONS[method.permission]
    if isinstance(rule, Rule):
        return rule.value
    may_claim = rule == Verb.WRITE and method.permission != "records.undelete"
    claims = ", or claims the namespace by it" if may_claim else ""
    return f"whoever holds `{rule}` in the namespace{claims}"


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {"permissions": permissions}
FILES: Final[Mapping[str, Callable[[], str]]] = {}
