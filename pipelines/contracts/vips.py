"""The VIP route's records: the short click that it also takes, and the action that it writes."""

from pipelines.contracts.fields import Field
from pipelines.contracts.topic import TopicSpec
from pipelines.contracts.topics import all_topics
from pipelines.contracts.vocabulary import USER_LEVELS

SOURCE_HEADER = "clicklake-source"
"""Where a message was made from: topic/partition/offset. The same click gives the same value."""
REASON_HEADER = "clicklake-reason"
FIELD_HEADER = "clicklake-field"
DETAIL_HEADER = "clicklake-detail"

FUNCTION_FAILED = "function_failed"
"""Reason of a dead letter that the user's own Python function raised an error on."""

SHORT_CLICK = TopicSpec(
    name="short_click",
    table="silver.events",
    grain="A click without id and time of its own: Kafka's position and time count.",
    key="user_id",
    fields=(
        Field("user_id", "id", "the account", required=True),
        Field("page", "text", "the page", max_length=4096),
        Field("action", "text", "what was done there"),
        Field("device", "text", "kind of device"),
        Field("agent", "text", "the browser's own name", max_length=2048),
    ),
)

VIP_ACTION = TopicSpec(
    name="vip_action",
    table="gold.vip_visits",
    grain="A click of a VIP.",
    key="visitor_id",
    fields=(
        Field("id", "text", "topic/partition/offset of the click: equal in every copy", required=True),
        Field("user_id", "id", "the account", required=True),
        Field("visitor_id", "id", "the browser, where the click says so"),
        Field("session_id", "id", "the visit, where the click says so"),
        Field("name", "text", "display name"),
        Field("level", "text", "loyalty level", required=True, choices=USER_LEVELS),
        Field("page", "text", "the page: `page`, else `page_url`, else `page_type`", max_length=4096),
        Field("action", "text", "what was done: `action`, else `event_type`"),
        Field("occurred_at", "time", "the click's own time, else Kafka's", required=True),
    ),
)

_OF_CLICKS = (
    *("user_id", "visitor_id", "event_id", "session_id", "event_type", "occurred_at", "page_url"),
    *("page_type", "element", "product_id", "category", "user_agent"),
)


def read_fields() -> tuple[Field, ...]:
    """The fields of a click that the route reads, of the documented shape and of the short one."""
    by_name = {field.name: field for field in SHORT_CLICK.fields}
    by_name |= {field.name: field for field in all_topics()["clicks"].fields if field.name in _OF_CLICKS}
    return tuple(by_name.values())
