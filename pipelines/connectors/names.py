"""Every name and path in one place: tables, checkpoints, streaming queries, folders of a run."""

from dataclasses import dataclass
from pathlib import Path

LAND_BRONZE = "land_bronze"
CLEAN_SILVER = "clean_silver"
ATTRIBUTE_ORDERS = "attribute_orders"
ROUTE_VIPS = "route_vips"
UPDATE_FEATURES = "update_features"
LABEL_DECISIONS = "label_decisions"
"""Names of the streaming queries: of their checkpoints, positions and metrics."""

VIP_DEAD_LETTERS = "vip_dead_letters"
VIP_USERS = "gold.vip_users"
"""The Delta table of who is a VIP now, which the route joins with."""

CHECKOUTS_TOPIC = "checkouts"
OUTPUT_TOPICS = (CHECKOUTS_TOPIC, "vip_actions", VIP_DEAD_LETTERS, "notifications")
"""Kafka topics that clicklake writes and does not land; those that land are declared in the contracts."""


@dataclass(frozen=True)
class Names:
    """Where things lie. `lake` is a folder or an object-store URL; all else is below `var_dir`."""

    var_dir: Path
    lake: str

    @classmethod
    def of(cls, *, var_dir: str, lake: str | None) -> "Names":
        """Names of a run whose settings are `var_dir` and `lake` (null: below `var_dir`)."""
        folder = Path(var_dir).resolve()
        return cls(var_dir=folder, lake=(lake or str(folder / "lake")).rstrip("/"))

    def table(self, name: str) -> str:
        """Path of the Delta table `<layer>.<plural>`."""
        layer, _, plural = name.partition(".")
        return f"{self.lake}/{layer}/{plural}"

    def feature_tables(self) -> list[str]:
        """The tables of feature sets that are there, those of earlier versions too; of a local lake."""
        return sorted(f"gold.{folder.name}" for folder in Path(self.lake).glob("gold/features_*"))

    def checkpoint(self, query: str) -> str:
        """Path of a streaming query's checkpoint, beside the tables it writes."""
        return f"{self.lake}/_checkpoints/{query}"

    @property
    def jars(self) -> Path:
        """Downloaded jars: `spark/` and `kafka/`."""
        return self.var_dir / "cache" / "jars"

    @property
    def services(self) -> Path:
        """Data of the embedded services, one folder each, and `state.json`."""
        return self.var_dir / "services"

    @property
    def secrets(self) -> Path:
        """Generated passwords, readable by their owner only."""
        return self.var_dir / "secrets"

    @property
    def logs(self) -> Path:
        """Log files of the processes that `clicklake` starts."""
        return self.var_dir / "logs"

    @property
    def scratch(self) -> Path:
        """Temporary files of a command, removed when it ends."""
        return self.var_dir / "tmp"

    @property
    def failpoint_ledger(self) -> Path:
        """Which failpoints have fired in this run."""
        return self.var_dir / "run" / "failpoints.txt"

    @property
    def registry_lock(self) -> Path:
        """What processes of this machine take turns by when a model's aliases move."""
        return self.var_dir / "run" / "registry.lock"

    @property
    def champions(self) -> Path:
        """The last good champion of each problem, for a scorer that starts while MLflow is away."""
        return self.var_dir / "models"

    @property
    def demo_truth(self) -> Path:
        """What the simulator of a demo knows of its orders."""
        return self.var_dir / "run" / "truth.jsonl"

    @property
    def spark_scratch(self) -> Path:
        """Spark's own temporary files."""
        return self.var_dir / "spark"
