"""The VIP route as DataFrames: clicks read by Spark's own expressions, joined with levels, made messages."""
