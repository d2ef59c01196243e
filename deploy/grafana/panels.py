"""Dashboards from few words: panels that look alike, built with Grafana's own typed builders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
)

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
TAG = "pedidos"
WIDTH = 24
REFRESH = "10s"


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and how its series are called (`{{label}}` is filled in)."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `unit` is Grafana's name of it (`s`, `percentunit`, `reqps`, `short` …).

    Of 24 columns it takes `width`. `description` says how to read it, where that is not plain.
    """

    title: str
    unit: str
    queries: Sequence[Query]
    width: int = 8
    description: str = ""


@dataclass(frozen=True, slots=True)
class Graph(Panel):
    """Lines over time, `stacked` where they add up."""

    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Number(Panel):
    """The last value, large; `by_name` shows the name of the series instead."""

    width: int = 4
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class Timeline(Panel):
    """Which series is there when, as bars."""

    width: int = WIDTH


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard: its rows of panels, by their titles."""

    name: str
    title: str
    description: str
    rows: Sequence[tuple[str, Sequence[Panel]]]


def text_of(board: Board) -> str:
    """The dashboard as the JSON file that Grafana loads."""
    return JSONEncoder(sort_keys=True, indent=2).encode(_built(board).build()) + "\n"


def _built(board: Board) -> dashboards.Dashboard:
    built = (
        dashboards.Dashboard(f"Pedidos: {board.title}")
        .uid(f"pedidos-{board.name}")
        .description(board.description)
        .tags([TAG])
        .refresh(REFRESH)
        .time("now-30m", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(
            dashboards.DatasourceVariable("datasource").label("Source").type("prometheus")
        )
        .link(
            dashboards.DashboardLink("Pedidos")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
    )
    for title, panels in board.rows:
        built.with_row(dashboards.Row(title))
        for panel in panels:
            built.with_panel(_panel(panel))
    return built


def _panel(panel: Panel) -> timeseries.Panel | stat.Panel | statetimeline.Panel:
    made: timeseries.Panel | stat.Panel | statetimeline.Panel
    match panel:
        case Number():
            made = _number(panel).height(4)
        case Timeline():
            made = statetimeline.Panel().height(7).show_value(common.VisibilityMode.NEVER)
        case Graph():
            made = _graph(panel).height(8)
        case _:
            raise TypeError(f"{panel.title} is of no kind that can be drawn")
    made.title(panel.title).description(panel.description).unit(panel.unit)
    made.span(panel.width).datasource(SOURCE)
    for index, query in enumerate(panel.queries):
        made.with_target(_target(query, "ABCDEFGH"[index], instant=isinstance(panel, Number)))
    return made


def _target(query: Query, name: str, *, instant: bool) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(name).expr(query.expr).legend_format(query.legend)
    return target.instant() if instant else target.range()


def _number(panel: Number) -> stat.Panel:
    mode = common.BigValueTextMode.NAME if panel.by_name else common.BigValueTextMode.VALUE
    return (
        stat.Panel()
        .text_mode(mode)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def _graph(panel: Graph) -> timeseries.Panel:
    stacking = common.StackingMode.NORMAL if panel.stacked else common.StackingMode.NONE
    return (
        timeseries.Panel()
        .min(0)
        .fill_opacity(40 if panel.stacked else 8)
        .stacking(common_builders.StackingConfig().mode(stacking))
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
