# Builds freezeguard into a virtual environment, then copies that alone into a small image.
# The service needs a PostgreSQL of its own: FREEZEGUARD_DATABASE_URL.

FROM debian:bookworm-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv ca-certificates
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE CHANGELOG.md ./
COPY freezeguard freezeguard
COPY sql sql
RUN python3 -m venv /opt/freezeguard \
 && /opt/freezeguard/bin/pip install --no-cache-dir --constraint constraints.txt . \
 && /opt/freezeguard/bin/pip uninstall --yes pip setuptools

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 ca-certificates tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --create-home --home-dir /var/lib/freezeguard freezeguard
COPY --from=build /opt/freezeguard /opt/freezeguard
ENV PATH=/opt/freezeguard/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    FREEZEGUARD_HOST=0.0.0.0 \
    FREEZEGUARD_DATA_DIR=/var/lib/freezeguard/data
USER 10001
WORKDIR /var/lib/freezeguard
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/livez', timeout=2)"]
ENTRYPOINT ["tini", "--", "freezeguard"]
CMD ["serve"]
