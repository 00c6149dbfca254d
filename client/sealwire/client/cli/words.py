"""What the contract has numbers for, in words; and the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol, cast

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from sealwire.v1.permissions_pb2 import Subject, Verb

VERBS: Final = ("read", "write", "delete", "list", "share", "admin")
_GROUP: Final = "group:"


class Enumeration(Protocol):
    """An enumeration of the contract."""

    def Name(self, number: int, /) -> str:
        """Return the name of a number; ValueError if it has none."""
        ...


def word(kind: Enumeration, number: int, prefix: str) -> str:
    """Return the word for a number: of KEY_STATE_ACTIVE, with the prefix KEY_STATE_, "active".

    A number that only a newer server knows stays one.
    """
    try:
        return kind.Name(number).removeprefix(prefix).lower()
    except ValueError:
        return str(number)


def verb_numbers(verbs: Sequence[str]) -> list[Verb]:
    """Return the contract's numbers for verbs."""
    from sealwire.v1.permissions_pb2 import Verb

    return [cast("Verb", Verb.Value(f"VERB_{verb.upper()}")) for verb in verbs]


def subject(text: str) -> Subject:
    """Return whom `text` means: the group of group:NAME, or the identity of a name or key id."""
    from sealwire.v1.permissions_pb2 import Subject

    if text.startswith(_GROUP):
        return Subject(group=text.removeprefix(_GROUP))
    return Subject(identity=text)


def subject_text(subject: Subject) -> str:
    """Return the text that means this subject."""
    return f"{_GROUP}{subject.group}" if subject.HasField("group") else subject.identity


def label_pair(text: str) -> tuple[str, str]:
    """Return the key and the value of KEY=VALUE, or end the command."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"{text!r} is not of the form KEY=VALUE.")
    return key, value


class _VerbList(click.ParamType[tuple[str, ...]]):
    """One or more verbs, with commas between them; the shell completes the last one."""

    name = "verbs"

    def convert(
        self,
        value: str | tuple[str, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, ...]:
        """Return the verbs, or end the command."""
        verbs = value if isinstance(value, tuple) else tuple(value.split(","))
        if not set(verbs) <= set(VERBS) or len(set(verbs)) != len(verbs):
            known = ", ".join(VERBS)
            self.fail(
                f"{','.join(verbs)!r} are no verbs; name some of these, each once, with commas "
                f"between them: {known}.",
                param,
                ctx,
            )
        return verbs

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return what the last verb may become; those before it are not offered again."""
        given, comma, begun = incomplete.rpartition(",")
        taken = given.split(",")
        return [
            CompletionItem(f"{given}{comma}{verb}")
            for verb in VERBS
            if verb.startswith(begun) and verb not in taken
        ]


VERB_LIST: Final = _VerbList()
