"""`users`: versions of accounts. Key: `user_id`, compacted."""

from pipelines.contracts.fields import Field
from pipelines.contracts.topic import TopicSpec
from pipelines.contracts.vocabulary import USER_LEVELS

TOPIC = TopicSpec(
    name="users",
    table="silver.users",
    grain="One row per version of a user.",
    key="user_id",
    compacted=True,
    fields=(
        Field("user_id", "id", "the account", required=True),
        Field("occurred_at", "time", "from when this version holds", required=True),
        Field("name", "text", "display name"),
        Field("email", "text", "address for messages", max_length=320),
        Field("level", "text", "loyalty level", choices=USER_LEVELS),
        Field("gender", "text", "as told by the user", max_length=32),
        Field("country", "text", "ISO 3166 code, two letters", max_length=2),
    ),
)
