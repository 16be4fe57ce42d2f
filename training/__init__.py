"""Datasets, contest of models, promotion and their record in MLflow."""
