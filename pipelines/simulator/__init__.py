"""A shop whose shoppers have hidden intent, and which knows the truth about every record it sends.

`Simulation(config, on_truth=...)` gives `deliveries()` in sending order, with bounded memory, byte
for byte the same for the same config. See docs/simulator.md for the model.
"""

from pipelines.simulator.config import ShopConfig
from pipelines.simulator.simulation import Simulation
from pipelines.simulator.truth import CheckoutTruth, ImpressionTruth, OrderTruth, RecordTruth, TruthSummary

__all__ = [
    "CheckoutTruth",
    "ImpressionTruth",
    "OrderTruth",
    "RecordTruth",
    "ShopConfig",
    "Simulation",
    "TruthSummary",
]
