"""Forms of PromQL that many panels share."""

from __future__ import annotations

from deploy.grafana.panels import Query

WINDOW = "$__rate_interval"
QUANTILES = (0.5, 0.95, 0.99)
OURS = 'job=~"pedidos-(orchestrator|generator|worker)"'


def per_second(counter: str, *labels: str, where: str = "") -> str:
    """How fast a counter rises, summed by `labels`; 0 while it has no series yet.

    Series of a counter with labels begin at what they first count.
    """
    by = f" by ({', '.join(labels)})" if labels else ""
    return f"sum{by} (rate({counter}{where}[{WINDOW}])) or on () vector(0)"


def quantile(share: float, histogram: str, *labels: str, where: str = "") -> str:
    """A quantile of a histogram, over all processes, by `labels`."""
    by = ", ".join(("le", *labels))
    return f"histogram_quantile({share}, sum by ({by}) (rate({histogram}_bucket{where}[{WINDOW}])))"


def quantiles(histogram: str, where: str = "") -> list[Query]:
    """Median, 95th and 99th percentile."""
    return [Query(quantile(one, histogram, where=where), f"p{one * 100:.0f}") for one in QUANTILES]


def burning(budget: str) -> list[Query]:
    """The failed share over the alerts' windows, beside its target."""
    windows = [Query(f"pedidos:{budget}:ratio_rate{one}", one) for one in ("5m", "1h", "6h", "3d")]
    return [*windows, Query(f"pedidos:{budget}_target_ratio", "target")]
