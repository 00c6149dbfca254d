"""One description of each RPC, for the blocking and the asyncio client alike.

A method marked `@operation` returns a `Call`: what to ask, and what to take from the answer. It
does no I/O. In a `Blocking` class the method then makes the call and returns the result; in an
`Asyncio` class it returns an awaitable of the same result. `@listing` does so for answers that come
in pages, and `@subscription` for a stream of them: the method returns an iterator, or an async one.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from google.protobuf.message import Message

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """An RPC that is yet to be made: the method, the request, and what the answer means."""

    path: str
    request: Message
    result: Callable[[Any], T_co]


@dataclass(frozen=True, slots=True)
class Listing(Generic[T_co]):
    """An RPC to repeat until there is no further page; `request` has a `page_token`."""

    path: str
    request: Any
    items: Callable[[Any], Iterable[T_co]]

    def page(self, token: str) -> Call[tuple[Iterable[T_co], str]]:
        """Return the call for the page that `token` names; it results in items and a token."""
        request = type(self.request)()
        request.CopyFrom(self.request)
        request.page_token = token
        return Call(self.path, request, lambda page: (self.items(page), page.next_page_token))


@dataclass(frozen=True, slots=True)
class Subscription(Generic[T_co]):
    """A stream of answers that has no end; one that breaks off is asked for from there.

    `request` has a `from_revision`, and every answer a `next_revision`.
    """

    path: str
    request: Any

    def at(self, revision: int) -> Message:
        """Return the request for what follows from `revision` on."""
        request: Message = type(self.request)()
        request.CopyFrom(self.request)
        request.from_revision = revision  # type: ignore[attr-defined]
        return request


class Caller(Protocol):
    """Makes calls, one after the other or from several threads."""

    def run(self, call: Call[T]) -> T:
        """Make the call and return its result."""
        ...

    def stream(self, subscription: Subscription[T]) -> Iterator[T]:
        """Yield the answers, going on where they broke off."""
        ...


class AsyncCaller(Protocol):
    """Makes calls in an event loop."""

    async def run(self, call: Call[T]) -> T:
        """Make the call and return its result."""
        ...

    def stream(self, subscription: Subscription[T]) -> AsyncIterator[T]:
        """Yield the answers, going on where they broke off."""
        ...


class Blocking:
    """A class whose operations return when the answer is there."""

    def __init__(self, caller: Caller) -> None:
        """Make the calls through `caller`."""
        self._caller = caller


class Asyncio:
    """A class whose operations are awaited."""

    def __init__(self, caller: AsyncCaller) -> None:
        """Make the calls through `caller`."""
        self._caller = caller


class operation(Generic[P, T]):  # noqa: N801 - a decorator
    """Makes a method that returns a `Call` one that makes the call."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[T]]) -> None:
        """Take what describes the call."""

        @functools.wraps(describe)
        def blocking(api: Blocking, *args: P.args, **kwargs: P.kwargs) -> T:
            return api._caller.run(describe(api, *args, **kwargs))

        @functools.wraps(describe)
        async def asyncio(api: Asyncio, *args: P.args, **kwargs: P.kwargs) -> T:
            return await api._caller.run(describe(api, *args, **kwargs))

        self._describe, self._blocking, self._asyncio = describe, blocking, asyncio

    @overload
    def __get__(
        self, instance: None, owner: type[object]
    ) -> Callable[Concatenate[Any, P], Call[T]]: ...
    @overload
    def __get__(self, instance: Blocking, owner: type[object]) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, instance: Asyncio, owner: type[object]
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Blocking | Asyncio | None, owner: type[object]) -> Any:
        """Return the method for the kind of class that it is asked of."""
        return _bound(instance, self._describe, self._blocking, self._asyncio)


class listing(Generic[P, T]):  # noqa: N801 - a decorator
    """Makes a method that returns a `Listing` one that yields its items, page after page."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Listing[T]]) -> None:
        """Take what describes the pages."""

        @functools.wraps(describe)
        def blocking(api: Blocking, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            pages, token = describe(api, *args, **kwargs), ""
            while True:
                items, token = api._caller.run(pages.page(token))
                yield from items
                if not token:
                    return

        @functools.wraps(describe)
        async def asyncio(api: Asyncio, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
            pages, token = describe(api, *args, **kwargs), ""
            while True:
                items, token = await api._caller.run(pages.page(token))
                for item in items:
                    yield item
                if not token:
                    return

        self._describe, self._blocking, self._asyncio = describe, blocking, asyncio

    @overload
    def __get__(
        self, instance: None, owner: type[object]
    ) -> Callable[Concatenate[Any, P], Listing[T]]: ...
    @overload
    def __get__(self, instance: Blocking, owner: type[object]) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, instance: Asyncio, owner: type[object]) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, instance: Blocking | Asyncio | None, owner: type[object]) -> Any:
        """Return the method for the kind of class that it is asked of."""
        return _bound(instance, self._describe, self._blocking, self._asyncio)


class subscription(Generic[P, T]):  # noqa: N801 - a decorator
    """Makes a method that returns a `Subscription` one that yields its answers as they come."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Subscription[T]]) -> None:
        """Take what describes the stream."""

        @functools.wraps(describe)
        def blocking(api: Blocking, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            return api._caller.stream(describe(api, *args, **kwargs))

        @functools.wraps(describe)
        def asyncio(api: Asyncio, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
            return api._caller.stream(describe(api, *args, **kwargs))

        self._describe, self._blocking, self._asyncio = describe, blocking, asyncio

    @overload
    def __get__(
        self, instance: None, owner: type[object]
    ) -> Callable[Concatenate[Any, P], Subscription[T]]: ...
    @overload
    def __get__(self, instance: Blocking, owner: type[object]) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, instance: Asyncio, owner: type[object]) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, instance: Blocking | Asyncio | None, owner: type[object]) -> Any:
        """Return the method for the kind of class that it is asked of."""
        return _bound(instance, self._describe, self._blocking, self._asyncio)


def _bound(
    instance: Blocking | Asyncio | None,
    describe: Callable[..., object],
    blocking: Callable[..., object],
    asyncio: Callable[..., object],
) -> Callable[..., object]:
    if instance is None:
        return describe
    return MethodType(asyncio if isinstance(instance, Asyncio) else blocking, instance)
