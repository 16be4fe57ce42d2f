"""What one would write otherwise: FastAPI, one SELECT of the features, ONNX Runtime, the answer.

The same model, database, event loop and HTTP parser as clicklake's scorer; no events in flight, no policy,
no log, no swap.
"""

import argparse
from pathlib import Path

import numpy as np
import onnxruntime
import psycopg2
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

TABLE = "plain_features"


class Asked(BaseModel):
    """Whose decision."""

    visitor_id: str


class Answer(BaseModel):
    """What the model says."""

    visitor_id: str
    probability: float
    act: bool


def service(graph: Path, dsn: str, *, features: int, threshold: float) -> FastAPI:
    """The service."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    name, output = session.get_inputs()[0].name, session.get_outputs()[-1].name
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    cursor = connection.cursor()
    columns = ", ".join(f"f{number}" for number in range(features))
    cursor.execute(f"prepare features (text) as select {columns} from {TABLE} where visitor_id = $1")
    nothing = (0.0,) * features
    app = FastAPI()

    @app.post("/decisions")
    async def decide(asked: Asked) -> Answer:
        cursor.execute("execute features (%s)", (asked.visitor_id,))
        row = np.array([cursor.fetchone() or nothing], np.float32)
        probability = float(session.run([output], {name: row})[0][0, -1])
        return Answer(visitor_id=asked.visitor_id, probability=probability, act=probability > threshold)

    return app


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graph", type=Path)
    parser.add_argument("dsn")
    parser.add_argument("--features", type=int, required=True)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    app = service(options.graph, options.dsn, features=options.features, threshold=options.threshold)
    uvicorn.run(
        app, host="127.0.0.1", port=options.port, loop="uvloop", http="httptools", access_log=False,
        log_level="warning",
    )  # fmt: skip


if __name__ == "__main__":
    main()
