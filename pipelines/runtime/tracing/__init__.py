"""Following a figure back to the bytes it was made from, without Spark."""

from pipelines.runtime.tracing.order import OrderTrace, trace_order

__all__ = ["OrderTrace", "trace_order"]
