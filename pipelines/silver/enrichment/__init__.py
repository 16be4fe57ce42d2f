"""Silver rows enriched: what their URLs and user agents say, and pseudonyms where they are asked for."""

from typing import Any

from pipelines.contracts.topics import all_topics
from pipelines.silver.enrichment.devices import NO_DEVICE, read_device
from pipelines.silver.enrichment.pseudonyms import Pseudonyms, Row
from pipelines.silver.enrichment.traffic import (
    NO_PAGE,
    NO_REFERRER,
    NOTHING,
    Page,
    Referrer,
    Traffic,
    TrafficRules,
    reader_of,
    sent_traffic,
)

__all__ = ["Enrichment", "Pseudonyms", "TrafficRules"]

_EVENTS = all_topics()["clicks"].table


class Enrichment:
    """Callable that changes a silver row in place. Picklable: it is shipped to Spark's Python workers.

    Call it once a row: pseudonyms of pseudonyms are something else. `pseudonyms`: None where none are wanted.
    """

    def __init__(self, rules: TrafficRules, pseudonyms: Pseudonyms | None) -> None:
        self._rules = rules
        self.pseudonyms = pseudonyms
        self._reader = reader_of(rules)

    def __reduce__(self) -> tuple[Any, ...]:
        return Enrichment, (self._rules, self.pseudonyms)

    def __call__(self, table: str, row: Row) -> None:
        """Set the derived columns of an event, then put pseudonyms in place of the configured fields."""
        if table == _EVENTS:
            self._derive(row)
        if self.pseudonyms is not None:
            self.pseudonyms.replace_in(row)

    def _derive(self, row: Row) -> None:
        url, before, agent = row.get("page_url"), row.get("referrer_url"), row.get("user_agent")
        page = self._reader.page(url) if url else NO_PAGE
        referrer = self._reader.referrer(before) if before else NO_REFERRER
        device = read_device(agent) if agent else NO_DEVICE
        traffic = _traffic(row, page, referrer)
        row["page_path"] = page.path
        row["referrer_host"] = referrer.host
        row["traffic_source"], row["traffic_medium"], row["traffic_campaign"], row["traffic_rule"] = traffic
        row["device_class"], row["is_bot"] = device


def _traffic(row: Row, page: Page, referrer: Referrer) -> Traffic:
    source, medium, campaign = row.get("source"), row.get("medium"), row.get("campaign")
    if source or medium or campaign:
        sent = sent_traffic(source, medium, campaign)
        if sent:
            return sent
    if page.traffic:
        return page.traffic
    within = referrer.site is not None and referrer.site == page.site
    return NOTHING if within else referrer.traffic
