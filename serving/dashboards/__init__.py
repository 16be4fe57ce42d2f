"""The page `/dashboards`: the panels of the contracts, read with the role that sees views only."""
