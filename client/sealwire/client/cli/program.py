"""The program around the commands: a hardened process, and every error as a sentence.

Exit codes: 0 done; 1 an error on this machine; 2 the server refused, could not be reached, or gave
an answer that does not verify; 3 `can` says no; 130 interrupted.
"""

from __future__ import annotations

import io
import os
import resource
import sys
import traceback
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from sealwire.client.cli.commands import cli
from sealwire.client.cli.escaping import visible_line, visible_lines
from sealwire.client.cli.key_ids import marked
from sealwire.core.errors import SealwireError
from sealwire.core.tls import refuse_tls_1_2

DONE: Final = 0
LOCAL: Final = 1
REMOTE: Final = 2
INTERRUPTED: Final = 130

_DEFECT: Final = (
    "Something failed that should not have ({kind}). Please report it to the maintainers with what "
    "SEALWIRE_DEBUG=1 makes this command print."
)


def main() -> NoReturn:
    """Run the command that the arguments name, and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; what went wrong is on standard error."""
    inherited = dict(os.environ)
    _harden()
    try:
        code = cli.main(
            marked(arguments), prog_name="sealwire", standalone_mode=False, obj=inherited
        )
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return LOCAL
    except SealwireError as error:
        return _report(error, str(error), _code(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _report(error, f"{where}{error.strerror or type(error).__name__}.", LOCAL)
    except Exception as error:  # the last door: a person reads a sentence, never a traceback
        return _report(error, _DEFECT.format(kind=type(error).__name__), LOCAL)
    # A command returns nothing; click returns the code with which one ended itself.
    return code or DONE


def _harden() -> None:
    """No secret in a core file, no TLS 1.2, and on standard error only our own sentences.

    gRPC reads both of its variables when it is imported, which a command does later.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    refuse_tls_1_2()
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _code(error: SealwireError) -> int:
    from sealwire.client.errors import RemoteError, TransportError
    from sealwire.core.responses import ResponseVerificationError

    remote = isinstance(error, RemoteError | TransportError | ResponseVerificationError)
    return REMOTE if remote else LOCAL


def _report(error: Exception, sentence: str, code: int) -> int:
    click.echo(f"sealwire: {visible_line(sentence)}", err=True)
    if os.environ.get("SEALWIRE_DEBUG") == "1":
        # Escaped too: an error may quote what the other side sent.
        click.echo(visible_lines("".join(traceback.format_exception(error))), err=True, nl=False)
    return code
