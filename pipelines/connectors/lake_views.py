"""The lake's views as DataFrames: the same statements that DuckDB answers."""

from collections.abc import Callable
from typing import Any

from pyspark.sql import DataFrame, SparkSession  # noqa: TID251 - connectors speak to the session

from pipelines.contracts.views import View, all_views


def as_dataframe(view: View, spark: SparkSession, load: Callable[[str], DataFrame]) -> DataFrame:
    """The view's rows over the tables that `load` gives by name, such as `silver.users`.

    Views that it reads are made in the same way; `load` is asked for tables only.
    """
    views = all_views()
    frames: dict[str, Any] = {
        name.replace(".", "__"): as_dataframe(views[name], spark, load) if name in views else load(name)
        for name in view.reads
    }
    return spark.sql(view.sql({name: f"{{{name.replace('.', '__')}}}" for name in view.reads}), **frames)
