"""Making the marts: what silver has since the last run, into Delta and Postgres."""

from pipelines.runtime.marts.build import MartsRun, build_marts
from pipelines.runtime.marts.positions import BUILD_MARTS, require_silver
from pipelines.runtime.marts.rules import mart_rules, only_run

__all__ = ["BUILD_MARTS", "MartsRun", "build_marts", "mart_rules", "only_run", "require_silver"]
