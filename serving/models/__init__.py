"""Which models are live: followed in MLflow, checked, swapped in one assignment.

Nothing else in serving knows MLflow.
"""
