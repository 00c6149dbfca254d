"""Run the shop on loopback, order, and be refused: `python -m examples.orders`."""

from __future__ import annotations

from sealwire.core.tls import refuse_tls_1_2

refuse_tls_1_2()  # it works only before grpc is imported

from examples.orders.tour import main  # noqa: E402

main()
