"""`decisions`: what the scorer decided, by what, and how. Key: `visitor_id`."""

from pipelines.contracts.fields import Field
from pipelines.contracts.topic import TopicSpec

DOORS = ("http", "kafka", "bulk")
"""How a decision was asked for."""
REASONS = ("value", "explored", "holdout", "budget", "default")
"""Why an action was taken: worth most, tried out, none because the visitor is held out, the best one that
its budget allows, or the stated default for want of a model."""
_JSON = 262_144

TOPIC = TopicSpec(
    name="decisions",
    table="silver.decisions",
    grain="One row per decision.",
    key="visitor_id",
    # It repeats whom the scorer was asked about: what links them is the events' business.
    links=False,
    fields=(
        Field("event_id", "id", "the decision", required=True),
        Field("visitor_id", "id", "about whom", required=True),
        Field("user_id", "id", "the account, where it is known"),
        Field("session_id", "id", "the visit"),
        Field("product_id", "id", "the product that it is about"),
        Field("occurred_at", "time", "when it was made", required=True),
        Field("problem", "text", "the problem", required=True),
        Field("problem_version", "integer", "its version", required=True),
        Field("door", "text", "how it was asked for", required=True, choices=DOORS),
        Field("about_event", "id", "id of the event in Kafka that asked; null: a caller did"),
        Field("about_topic", "text", "topic of that event"),
        Field("about_partition", "integer", "its partition"),
        Field("about_offset", "integer", "its offset"),
        Field("model", "text", "name of the model that decided; null: there was none"),
        Field("model_version", "integer", "its version in the registry"),
        Field("model_sha256", "text", "hash of its graph"),
        Field("probability", "number", "of the outcome, as the model says", minimum=0, maximum=1),
        Field("action", "text", "what is to be done", required=True),
        Field("wanted_action", "text", "what was worth most, before holdout, trial and budgets"),
        Field("reason", "text", "why the action was taken", required=True, choices=REASONS),
        Field("propensity", "number", "probability with which it was taken", minimum=0, maximum=1),
        Field("expected_minor", "number", "what it is expected to bring, in minor units"),
        Field(
            "is_holdout", "boolean", "whether nothing is done to the visitor, to measure what acting brings"
        ),
        Field("policy", "text", "hash of the actions and settings it was chosen by"),
        Field("products", "text", "JSON array of products that the action names", max_length=_JSON),
        Field("features", "text", "JSON object of every feature as it was known", max_length=_JSON),
        Field("set_versions", "text", "JSON object: feature set and its version", max_length=_JSON),
        Field(
            "positions", "text", "JSON: next offset by topic and partition of what was seen", max_length=_JSON
        ),
        Field("batch_id", "integer", "newest batch of update_features in the store"),
        Field("in_flight", "integer", "events among those seen that the store did not have"),
        Field("added_events", "text", "JSON array of events that the caller told of", max_length=_JSON),
        Field("is_whole", "boolean", "whether the features hold exactly what lies below the positions"),
        Field("state_ahead", "boolean", "whether the store was past the asking event: never trained on"),
        Field("stale", "text", "JSON array of parts that did not answer, with the age of what was used"),
        Field("shadows", "text", "JSON array: what models said that decide nothing", max_length=_JSON),
        Field("published_micros", "integer", "from the asking event's own time to the decision"),
        Field("ingested_micros", "integer", "from its arrival at the broker to the decision"),
        Field("read_micros", "integer", "reading the features"),
        Field("score_micros", "integer", "scoring and choosing"),
        Field("scorer", "id", "which replica decided"),
    ),
)
