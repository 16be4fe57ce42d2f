"""Dashboards of Grafana 11.6, one a board, built with the types of its SDK."""

from collections.abc import Callable
from itertools import groupby

from grafana_foundation_sdk.builders import barchart, common, dashboard, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models

from pipelines.contracts.panel import Panel, Unit
from pipelines.contracts.panels import all_panels
from pipelines.runtime.dashboards.sql_query import DATASOURCE, SqlQueryBuilder

_AnyPanel = barchart.Panel | stat.Panel | table.Panel | timeseries.Panel
_UNITS: dict[Unit, tuple[str, int | None]] = {
    "count": ("short", 0),
    "decimal": ("short", 2),
    "money": ("none", 2),
    "seconds": ("s", 1),
    "share": ("percentunit", 1),
    "text": ("string", None),
}
_TONES = {"good": "green", "warn": "orange", "bad": "red"}
_GRID = 24
_HEIGHTS = {"stat": 5, "timeseries": 9, "bars": 9, "table": 9}


def dashboards() -> dict[str, str]:
    """File name -> JSON of each board's dashboard, the same whenever it is made."""
    boards = groupby(all_panels().values(), key=lambda panel: panel.board)
    return {f"{board}.json": _json(_dashboard(board, list(panels))) for board, panels in boards}


def _json(built: models.Dashboard) -> str:
    return JSONEncoder(sort_keys=True, indent=2).encode(built) + "\n"


def _dashboard(board: str, panels: list[Panel]) -> models.Dashboard:
    taken = {parameter for panel in panels for parameter in panel.takes}
    made = (
        dashboard.Dashboard(f"clicklake: {board}")
        .uid(f"clicklake-{board}")
        .tags(["clicklake"])
        .timezone("utc")
        .readonly()
        .refresh("5s")
        .time("now-1h", "now")
        .timepicker(dashboard.TimePicker().refresh_intervals(["5s", "30s", "1m", "5m"]))
        .link(
            dashboard.DashboardLink("Other dashboards")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["clicklake"])
        )
    )
    for name, label, statement in _VARIABLES:
        if name in taken:
            made = made.with_variable(_variable(name, label, statement))
    for number, (panel, place) in enumerate(zip(panels, _places(panels), strict=True), start=1):
        made = made.with_panel(_panel(panel).id(number).grid_pos(place))
    return made.build()


_VARIABLES = [
    ("model", "Model", "select distinct model from dashboard.models order by 1"),
    (
        "look_back",
        "Look-back, seconds",
        "select distinct look_back_seconds from dashboard.models where model = ${model:sqlstring} order by 1",
    ),
]


def _variable(name: str, label: str, statement: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(statement)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(multi=False)
        .include_all(include_all=False)
    )


def _places(panels: list[Panel]) -> list[models.GridPos]:
    """Rows of panels from left to right; a row is as high as its highest."""
    found: list[models.GridPos] = []
    x = y = high = 0
    for panel in panels:
        wide, tall = panel.columns * 2, _HEIGHTS[panel.kind]
        if x + wide > _GRID:
            x, y, high = 0, y + high, 0
        found.append(models.GridPos(h=tall, w=wide, x=x, y=y))
        x, high = x + wide, max(high, tall)
    return found


def _panel(panel: Panel) -> _AnyPanel:
    kinds: dict[str, Callable[[Panel], _AnyPanel]] = {
        "stat": _stat, "timeseries": _timeseries, "bars": _bars, "table": _table,
    }  # fmt: skip
    unit, decimals = _UNITS[panel.unit]
    made = kinds[panel.kind](panel)
    made = made.title(panel.title).description(panel.description).datasource(DATASOURCE)
    made = made.with_target(SqlQueryBuilder(panel)).unit(unit).thresholds(_thresholds(panel))
    return made if decimals is None else made.decimals(decimals)


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    base = _TONES["good"] if panel.thresholds else "text"
    steps = [models.Threshold(color=base)]
    steps += [models.Threshold(value=one.at, color=_TONES[one.tone]) for one in panel.thresholds]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _stat(_panel: Panel) -> stat.Panel:
    every_row = common.ReduceDataOptions().values(values=True).calcs(["lastNotNull"]).fields("/^value$/")
    return (
        stat.Panel()
        .reduce_options(every_row)
        .text_mode(shapes.BigValueTextMode.VALUE_AND_NAME)
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .color_mode(shapes.BigValueColorMode.VALUE)
    )


def _timeseries(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().show_legend(show_legend=True).placement(shapes.LegendPlacement.BOTTOM)
    made = (
        timeseries.Panel()
        .display_name("${__field.labels.series}")
        .interval("1m")
        .min(0)
        .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI))
        .legend(legend.display_mode(shapes.LegendDisplayMode.LIST).calcs(["sum"]))
    )
    if not panel.stacked:
        return made.line_width(2).fill_opacity(0)
    stacking = common.StackingConfig().mode(shapes.StackingMode.NORMAL)
    return made.draw_style(shapes.GraphDrawStyle.BARS).fill_opacity(80).line_width(0).stacking(stacking)


def _bars(panel: Panel) -> barchart.Panel:
    made = barchart.Panel().min(0).fill_opacity(80)
    stacking = shapes.StackingMode.NORMAL if panel.stacked else shapes.StackingMode.NONE
    made = made.stacking(stacking).orientation(shapes.VizOrientation.HORIZONTAL)
    if not panel.has_series:
        return made.x_field("label")
    pivot = {"columnField": "series", "rowField": "label", "valueField": "value", "emptyValue": "zero"}
    legend = common.VizLegendOptions().show_legend(show_legend=True).placement(shapes.LegendPlacement.BOTTOM)
    made = made.legend(legend.display_mode(shapes.LegendDisplayMode.LIST))
    return made.with_transformation(models.DataTransformerConfig(id_val="groupingToMatrix", options=pivot))


def _table(panel: Panel) -> table.Panel:
    made = table.Panel()
    for column, kind in panel.units.items():
        unit, decimals = _UNITS[kind]
        values = [models.DynamicConfigValue(id_val="unit", value=unit)]
        if decimals is not None:
            values.append(models.DynamicConfigValue(id_val="decimals", value=decimals))
        made = made.override_by_name(column, values)
    return made
