"""A run of the shop: the loop over everything that goes on, in order of time."""

import heapq
from collections.abc import Callable, Iterator

from pipelines.contracts.delivery import Delivery
from pipelines.simulator.arrivals import Arrivals, Rate
from pipelines.simulator.config import MS_PER_SECOND, ShopConfig
from pipelines.simulator.post import ShopClosed
from pipelines.simulator.shop import Shop, Steps
from pipelines.simulator.truth import TruthRow, TruthSummary
from pipelines.simulator.visits import bot_visit, visit_shop

_CONTROL_SECONDS = (0.05, 10.0)
_STEPS_PER_CONTROL = 5
_CORRECTION_SECONDS = 5.0
_RECORDS_PER_PRICE_CHANGE = 500


class Simulation:
    """A run of the shop of `config`. The same config gives the same bytes, whatever the clock says.

    `on_truth` gets every row of truth, an event's row after the event. Memory is bounded by the
    shoppers present, those soon to return, and the users.
    """

    def __init__(self, config: ShopConfig, *, on_truth: Callable[[TruthRow], None] | None = None) -> None:
        self._shop = Shop(config, on_truth)
        self._arrivals = Arrivals(self._shop)
        self._agenda: list[tuple[int, int, Steps]] = []
        self._planned = 0

    @property
    def truth(self) -> TruthSummary:
        """Totals of the truth so far."""
        return self._shop.summary

    def deliveries(self) -> Iterator[Delivery]:
        """Every delivery in the order of sending, the catalogue first. To be called once."""
        shop, agenda = self._shop, self._agenda
        horizon = shop.config.horizon_seconds
        end_ms = None if horizon is None else shop.config.start_ms + int(horizon * MS_PER_SECOND)
        shop.publish_catalogue()
        yield from self._emptied_outbox()
        self._plan(shop.config.start_ms, self._open_doors())
        self._plan(shop.config.start_ms, self._change_prices())
        try:
            while end_ms is None or agenda[0][0] < end_ms:
                now_ms, _, steps = agenda[0]
                yield from shop.post.due(now_ms)
                self._take_step(now_ms, steps)
                yield from self._emptied_outbox()
        except ShopClosed:
            end_ms = shop.now_ms
        yield from self._emptied_outbox()
        yield from shop.post.rest(shop.now_ms if end_ms is None else end_ms)

    def _take_step(self, now_ms: int, steps: Steps) -> None:
        shop = self._shop
        shop.now_ms = now_ms
        wait_ms = next(steps, None)
        self._planned += 1
        if wait_ms is None:
            heapq.heappop(self._agenda)
        else:
            heapq.heapreplace(self._agenda, (now_ms + wait_ms, self._planned, steps))
        for delay_ms, spawned in shop.spawned:
            self._plan(now_ms + delay_ms, spawned)
        shop.spawned.clear()

    def _plan(self, at_ms: int, steps: Steps) -> None:
        self._planned += 1
        heapq.heappush(self._agenda, (at_ms, self._planned, steps))

    def _emptied_outbox(self) -> list[Delivery]:
        outbox = self._shop.post.outbox
        self._shop.post.outbox = []
        return outbox

    def _open_doors(self) -> Steps:
        """Keep as many shoppers inside as the asked rate needs, corrected by what has been produced."""
        shop, config, arrivals = self._shop, self._shop.config, self._arrivals
        rate = Rate(shop)
        least, most = _CONTROL_SECONDS
        tick_ms = int(min(max(_STEPS_PER_CONTROL / config.rate, least), most) * MS_PER_SECOND)
        genuine = 1 - config.duplicate_share - config.broken_share
        opening = True
        while True:
            asked = rate.expected(shop.now_ms + tick_ms)
            per_second = (asked - rate.expected(shop.now_ms)) * MS_PER_SECOND / tick_ms
            missing = asked - shop.post.produced
            wanted = config.pace_seconds * (per_second * genuine + missing / _CORRECTION_SECONDS)
            for _ in range(int(wanted - arrivals.active + shop.chance())):
                visit = bot_visit if shop.chance() < config.bot_share else visit_shop
                arrivals.active += 1
                # The first shoppers come in one by one, as if the shop had been open before.
                delay_ms = shop.pause() if opening else int(shop.chance() * tick_ms)
                shop.spawn(visit(shop, arrivals), delay_ms=delay_ms)
            opening = False
            yield tick_ms

    def _change_prices(self) -> Steps:
        """Every so often a product's price moves by up to a tenth."""
        shop = self._shop
        wait_ms = max(int(_RECORDS_PER_PRICE_CHANGE / shop.config.rate * MS_PER_SECOND), 1)
        while True:
            yield wait_ms
            product = shop.catalogue.products[int(shop.chance() * len(shop.catalogue.products))]
            product.price_minor = max(int(product.price_minor * (0.9 + 0.2 * shop.chance())), 99)
            shop.publish_product(product, since_ms=shop.now_ms)
