"""Land every Kafka topic in bronze, byte for byte, until SIGTERM."""

import sys

from jobs.entry import run_job
from jobs.query_job import query_job
from pipelines.connectors.names import LAND_BRONZE

run = query_job(LAND_BRONZE, __doc__)

if __name__ == "__main__":
    sys.exit(run_job(run))
