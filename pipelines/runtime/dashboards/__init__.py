"""Grafana's dashboards, made from the panels of the contracts."""
