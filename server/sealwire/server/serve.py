"""Running a server until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import structlog

from sealwire.core.clock import system_clock
from sealwire.server.app import build_server
from sealwire.server.config import check_address
from sealwire.server.deployment import Deployment, load_deployment
from sealwire.server.sole_server import sole_server


def serve(directory: Path, *, announce: Callable[[str], None]) -> None:
    """Serve a deployment until SIGTERM or SIGINT; requests under way are finished first.

    SIGHUP has its certificates read at once; a change of them is noticed within seconds anyway.
    `announce` is given the address once the server answers.

    Raises:
        ConfigurationError: if the deployment can't be served, or another process serves it.
    """
    with sole_server(directory):
        # Before the loop takes Ctrl-C for itself: this may ask for a passphrase.
        deployment = load_deployment(directory)
        deployment.salts.remove_leftovers()
        asyncio.run(_serve(deployment, announce))


def configure_logging() -> None:
    """Log to standard error: for people on a terminal, one JSON object a line elsewhere.

    What libraries, the interceptors among them, write to Python's own log comes out alike. Nothing
    prints what variables held when an error came: values and keys are among them.
    """
    stamp: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*stamp, *render],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    drop_record = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[drop_record, *render], foreign_pre_chain=stamp
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


async def _serve(deployment: Deployment, announce: Callable[[str], None]) -> None:
    deployment.tls.require_servable(deployment.config, now=system_clock())
    server = build_server(deployment)
    _spare_the_collector()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, server.live.request_reload)
    await server.start()
    host, _ = check_address(deployment.config.listen, setting="listen")
    announce(f"{host}:{server.port}")
    told, ended = asyncio.create_task(stopping.wait()), asyncio.create_task(server.ended())
    done, _ = await asyncio.wait({told, ended}, return_when=asyncio.FIRST_COMPLETED)
    await server.stop()
    if ended in done:
        ended.result()


def _spare_the_collector() -> None:
    """Leave what start-up made out of later collections, and collect less often.

    Each full collection would walk all of it, in the middle of requests; those leave few cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
