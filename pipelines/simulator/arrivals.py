"""Who comes in and when: new and returning browsers, at a pace that keeps the asked rate."""

import heapq
import math
from bisect import bisect_right

from pipelines.simulator.behaviour import PERSONAS, SOURCES, cumulative, intent_shares
from pipelines.simulator.catalogue import COUNTRIES, COUNTRY_BOUNDS
from pipelines.simulator.config import MS_PER_SECOND
from pipelines.simulator.entities import Visit, Visitor
from pipelines.simulator.shop import Shop

RETURN_SHARE = 0.5
_RETURN_PACES = (10.0, 25.0)
_PEAK_HOUR = 20
_DAY_SECONDS = 86_400
_SIGNS_IN = 0.3
_MOST_STEPS_BEFORE = 8
_OWN_COUNTRY = 0.92
_SENDS_MILLIS = 0.1
_HAS_EXTRA = 0.05
_DEVICE_BOUNDS = cumulative((58, 34, 8))
_SOURCE_BOUNDS = [cumulative([source.shares[z] for source in SOURCES]) for z in range(len(PERSONAS))]
_INTENT_BOUNDS = [
    [cumulative(intent_shares(z, s)) for s in range(len(SOURCES))] for z in range(len(PERSONAS))
]
_AGENTS = (
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile Safari/604.1",
        "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126.0.0.0 Mobile Safari/537.36",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0 Safari/537.36",
        "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    ),
    (
        "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) Version/17.5 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 13; SM-X900) Chrome/125.0.0.0 Safari/537.36",
    ),
)
_BOT_AGENTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
)


class Arrivals:
    """Opens visits. Returning is independent of persona and intent, so it tells nothing of them."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._returning: list[tuple[int, int, Visitor]] = []
        self._order = 0
        self.active = 0

    def leave(self, visitor: Visitor) -> None:
        """End a visit; half of the browsers come back later."""
        self.active -= 1
        shop = self._shop
        if shop.chance() < RETURN_SHARE:
            least, mean = _RETURN_PACES
            ready_ms = shop.now_ms + int(least * shop.config.pace_ms) + shop.pause(mean)
            self._order += 1
            heapq.heappush(self._returning, (ready_ms, self._order, visitor))

    def next_visitor(self) -> Visitor:
        """The browser that has been waiting longest to return, else a new one."""
        if self._returning and self._returning[0][0] <= self._shop.now_ms:
            return heapq.heappop(self._returning)[2]
        return self._new_visitor()

    def open_visit(self, visitor: Visitor) -> Visit:
        """A visit whose source and intent are drawn by the persona."""
        shop, persona = self._shop, visitor.user.persona
        source = bisect_right(_SOURCE_BOUNDS[persona], shop.chance())
        intent = bisect_right(_INTENT_BOUNDS[persona][source], shop.chance())
        shop.summary.visits += 1
        visit = Visit.open(visitor, session_id=shop.new_id("s"), source=source, intent=intent)
        if not visitor.linked and shop.chance() < _SIGNS_IN:
            visit.signs_in_after = int(shop.chance() * _MOST_STEPS_BEFORE)
        return visit

    def new_bot(self) -> Visitor:
        """A crawler: a browser that never signs in, known by its user agent."""
        bot = self._new_visitor()
        bot.user_agent = _BOT_AGENTS[int(self._shop.chance() * len(_BOT_AGENTS))]
        return bot

    def _new_visitor(self) -> Visitor:
        shop, chance = self._shop, self._shop.chance
        user = shop.catalogue.users[int(chance() * len(shop.catalogue.users))]
        at_home = chance() < _OWN_COUNTRY
        country = COUNTRIES.index(user.country) if at_home else bisect_right(COUNTRY_BOUNDS, chance())
        device = bisect_right(_DEVICE_BOUNDS, chance())
        shop.summary.visitors += 1
        address = shop.rng.getrandbits(16)
        return Visitor(
            visitor_id=shop.new_id("v"),
            user=user,
            device=device,
            country=country,
            user_agent=_AGENTS[device][int(chance() * len(_AGENTS[device]))],
            ip_address=f"203.0.{address >> 8}.{address & 255}",
            sends_millis=chance() < _SENDS_MILLIS,
            extra={"app_version": "2.4.1"} if chance() < _HAS_EXTRA else {},
        )


class Rate:
    """The asked number of records by a moment: the mean rate times the daily rhythm, mean one."""

    def __init__(self, shop: Shop) -> None:
        config = shop.config
        seconds = config.horizon_seconds
        if seconds is None:
            seconds = _DAY_SECONDS if config.max_records is None else config.max_records / config.rate
        self._rate, self._rhythm = config.rate, config.rhythm
        self._start = config.start_ms / MS_PER_SECOND
        self._mean = self._area(self._start + seconds) / seconds

    def expected(self, ms: int) -> float:
        """Records asked for from the start to that moment."""
        return self._rate * self._area(ms / MS_PER_SECOND) / self._mean

    def _area(self, second: float) -> float:
        turn = 2 * math.pi / _DAY_SECONDS
        peak = _PEAK_HOUR * 3600
        swing = math.sin(turn * (second - peak)) - math.sin(turn * (self._start - peak))
        return (second - self._start) + self._rhythm * swing / turn
