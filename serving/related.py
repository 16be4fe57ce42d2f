"""Which products to name beside the one at hand: at once from memory, else by its key from Postgres.

All in the loop's thread, but for a thread that opens connections and reads the list for any product.
"""

import threading
import time
from collections import OrderedDict
from typing import NamedTuple

import psycopg2
import structlog
from psycopg2.extensions import adapt

from pipelines.connectors.postgres import PostgresAddress
from pipelines.gold.problems.action import Products
from pipelines.gold.related.rules import ANY_PRODUCT, SORTS
from pipelines.runtime.backoff import pause_after
from serving.state.connection import BoundedConnection

_log = structlog.get_logger(__name__)
_PREPARE = (
    "prepare related (text, text) as "
    "select products from gold.related_products where sort = $1 and product_id = $2"
)
_OPEN_SECONDS = 5.0
_PAUSES = {"first": 0.1, "longest": 5.0}

_Key = tuple[Products, str]


class _Kept(NamedTuple):
    """A list as it was read at a moment of the monotonic clock; none: the product has no list."""

    products: list[str] | None
    read_at: float


class RelatedProducts:
    """Lists of `gold.related_products`; the `size` that were asked last are kept for `age_seconds`.

    `seconds`: what a read of one that is not kept may take. While Postgres is away, what is kept is named
    however old it is, and else what is named for any product.
    """

    def __init__(
        self, address: PostgresAddress, *,
        seconds: float = 0.005, size: int = 50_000, age_seconds: float = 600.0,
    ) -> None:  # fmt: skip
        self._address = address
        self._seconds = seconds
        self._size = size
        self._age_seconds = age_seconds
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._for_any: dict[Products, list[str]] = {}
        self._connection: BoundedConnection | None = None
        self._ends, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name="related-keeper", daemon=True)

    @property
    def is_ready(self) -> bool:
        """Whether there is a connection that has not failed."""
        return self._connection is not None

    def start(self, *, wait_seconds: float = 0.0) -> None:
        """Begin to keep a connection, and wait so long at most for the first one."""
        self._thread.start()
        until = time.monotonic() + wait_seconds
        while self._connection is None and time.monotonic() < until:
            time.sleep(0.01)

    def close(self) -> None:
        """Give up the connection for good."""
        self._ends.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._connection is not None:
            self._connection.close()

    def related(self, product_id: str | None, sort: Products) -> list[str]:
        """Products of that sort for the one at hand, the best first; what sells at all where nobody knows.

        Never raises; empty before the first list was read.
        """
        for_any = self._for_any.get(sort, [])
        if product_id is None:
            return for_any
        key, now = (sort, product_id), time.monotonic()
        kept = self._kept.get(key)
        if kept is None or now - kept.read_at > self._age_seconds:
            kept = self._read(key, now) or kept
        else:
            self._kept.move_to_end(key)
        if kept is None or kept.products is None:
            return [one for one in for_any if one != product_id]
        return kept.products

    def _read(self, key: _Key, now: float) -> _Kept | None:
        """What Postgres says, kept from now on; None where it does not answer in time."""
        connection = self._connection
        if connection is None:
            return None
        try:
            products = _asked(connection, *key, seconds=self._seconds)
        except ValueError:
            return None  # a text that Postgres cannot hold is no product's id
        except (psycopg2.Error, TimeoutError) as error:
            self._give_up(connection, error)
            return None
        kept = self._kept[key] = _Kept(products, now)
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return kept

    def _give_up(self, connection: BoundedConnection, error: Exception) -> None:
        connection.close()
        self._connection = None
        self._wake.set()
        _log.warning("related_given_up", why=" ".join(str(error).split()))

    def _keep(self) -> None:
        """Make a connection where there is none, and read the lists for any product from time to time."""
        failures = 0
        while not self._ends.is_set():
            try:
                self._look()
                failures = 0
            except (psycopg2.Error, TimeoutError) as error:
                failures += 1
                _log.warning("related_away", why=" ".join(str(error).split()))
                self._ends.wait(pause_after(failures, **_PAUSES))
                continue
            self._wake.wait(self._age_seconds)
            self._wake.clear()

    def _look(self) -> None:
        """A connection of its own: the loop's may be at a read. It becomes the loop's where that has none."""
        opened = BoundedConnection(self._address, application="scorer_related", seconds=_OPEN_SECONDS)
        is_given = False
        try:
            opened.prepare([_PREPARE], seconds=_OPEN_SECONDS)
            found = {sort: _asked(opened, sort, ANY_PRODUCT, seconds=_OPEN_SECONDS) for sort in SORTS}
            self._for_any = {sort: products or [] for sort, products in found.items()}
            if self._connection is None:
                self._connection, is_given = opened, True
        finally:
            if not is_given:
                opened.close()


def _asked(
    connection: BoundedConnection, sort: Products, product_id: str, *, seconds: float
) -> list[str] | None:
    """The list of a product, None where it has none. Raises as `BoundedConnection.run`, `ValueError` too."""
    rows = connection.run(f"execute related ({_quoted(sort)}, {_quoted(product_id)})", seconds=seconds)
    return rows[0][0] if rows else None


def _quoted(text: str) -> str:
    """A literal of SQL. Raises `ValueError` for a text with a zero byte."""
    quoted = adapt(text)
    quoted.encoding = "utf-8"
    return str(quoted.getquoted(), "utf-8")
