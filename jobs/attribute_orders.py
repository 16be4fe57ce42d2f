"""Credit every order with the clicks that led to it, seconds after it came, until SIGTERM."""

import sys

from jobs.entry import run_job
from jobs.query_job import query_job
from pipelines.connectors.names import ATTRIBUTE_ORDERS

run = query_job(ATTRIBUTE_ORDERS, __doc__)

if __name__ == "__main__":
    sys.exit(run_job(run))
