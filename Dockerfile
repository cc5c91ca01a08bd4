# The worker and the other commands of `cx`, without the tools for development; built by docker-compose.yml.
FROM python:3.12-slim

WORKDIR /app
# Packages first: a change of our own code then builds in seconds.
COPY requirements/base.lock requirements/
RUN pip install --no-cache-dir --require-hashes --requirement requirements/base.lock
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation . \
    && useradd --system --create-home --home-dir /data cx
USER cx
ENV CX_POLICY=/app/policies/retail-vn.yaml CX_DATA=/data
# A folder of its own for data, and away from the source: what runs is what was installed.
WORKDIR /data
ENTRYPOINT ["cx"]
CMD ["--help"]
