# One image for the streams, the page, the simulator and MLflow; see docker-compose.yml.
FROM python:3.11-slim-trixie

RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-21-jre-headless procps \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home clicklake \
    && install --directory --owner clicklake /lake /mlflow

WORKDIR /opt/clicklake
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock

COPY pyproject.toml README.md ./
COPY conf conf
COPY pipelines pipelines
COPY training training
COPY serving serving
COPY jobs jobs
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

USER clicklake
WORKDIR /home/clicklake
ENV CLICKLAKE_PROFILE=compose PYTHONUNBUFFERED=1
# Spark's jars become part of the image: a container starts without downloading anything.
RUN python -c "from pipelines.connectors.names import Names; \
from pipelines.runtime.embedded.jars import ensure_jars; \
ensure_jars('spark', names=Names.of(var_dir='var', lake=None))"

ENTRYPOINT ["clicklake"]
CMD ["--help"]
