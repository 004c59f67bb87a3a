"""A namespace of a client, made when it is first asked for. Used by `client.py`, under the standard library's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

T = TypeVar("T")


class cached_property(Generic[T]):  # noqa: N801 -- takes the standard library's place, and reads like it
    """What a method returns, made once, without a lock.

    The standard library's holds one on Python 3.10 and 3.11, and a fork copies it as it is: in the child of a process
    whose other thread was just making a namespace, it would stay locked for ever. Here two threads may both make one;
    the first stays.

    Loading a namespace's module takes Python's own lock of that module, which a fork copies too, and which nobody can
    open for the child: a process that forks while other threads make their first calls uses its namespaces once before.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: object, owner: type) -> T: ...
    def __get__(self, client: object | None, owner: type) -> Self | T:
        if client is None:
            return self
        made: T = vars(client).setdefault(self._name, self._make(client))  # found there from now on
        return made
