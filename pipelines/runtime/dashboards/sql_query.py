"""A query to Grafana's PostgreSQL data source, for which the SDK has no type."""

from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from pipelines.contracts.panel import Panel

DATASOURCE = DataSourceRef(type_val="grafana-postgresql-datasource", uid="clicklake")
PLACEHOLDERS = {
    "since": "$__timeFrom()::timestamptz",
    "until": "$__timeTo()::timestamptz",
    "model": "${model:sqlstring}::text",
    "look_back": "${look_back:sqlstring}::integer",
    "step": "make_interval(secs => greatest(60, $__interval_ms / 1000))",
}


class SqlQuery(variants.Dataquery):
    """A panel's statement in Grafana's words."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it."""
        return {
            "refId": "A",
            "datasource": DATASOURCE.to_json(),
            "editorMode": "code",
            "format": "time_series" if self.panel.kind == "timeseries" else "table",
            "rawQuery": True,
            "rawSql": self.panel.render(PLACEHOLDERS),
        }


class SqlQueryBuilder(builder.Builder[SqlQuery]):
    """What the SDK's panels take."""

    def __init__(self, panel: Panel) -> None:
        self._query = SqlQuery(panel)

    def build(self) -> SqlQuery:
        """The query."""
        return self._query
