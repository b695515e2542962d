"""Lists of any length, fetched a page at a time."""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from octavo_client.call import Caller
from octavo_client.reading import read

T = TypeVar("T")


class Items(Generic[T]):
    """An iterator of the items of all pages. `next_page_token` is that of the page after the one reached; empty at the last.

    Its errors are raised where a page is fetched: by `next()`.
    """

    def __init__(self, pages: Iterator[tuple[list[T], str]]) -> None:
        self.next_page_token = ""
        self._pages = pages
        self._items = self._all()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return next(self._items)

    def page(self) -> list[T]:
        """The items of the next page alone; empty after the last."""
        items, self.next_page_token = next(self._pages, ([], ""))
        return items

    def _all(self) -> Iterator[T]:
        for items, token in self._pages:
            self.next_page_token = token
            yield from items


def paged(caller: Caller, method: Any, request: Any, field: str, kind: type[T], *, page_token: str = "") -> Items[T]:
    """The items in `field` of all pages that a listing method has for a request, beginning at a page token."""

    def pages() -> Iterator[tuple[list[T], str]]:
        token = page_token
        while True:
            request.page_token = token
            answer = caller(method, request)
            token = answer.next_page_token
            yield [read(kind, item) for item in getattr(answer, field)], token
            if not token:
                return

    return Items(pages())
