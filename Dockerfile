# docker build -t lc-ibis . && docker run --rm -v "$PWD/data:/project/data" lc-ibis build
# The directory data must be writable for the user 10001.
FROM python:3.12-slim AS wheels
WORKDIR /source
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY lc_ibis lc_ibis
COPY data/inputs data/inputs
COPY data/inputs_day2 data/inputs_day2
COPY data/lc-ibis.toml data/lc-ibis.toml
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.12-slim
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-compile --no-index --find-links /wheels lc-ibis \
    && useradd --uid 10001 --create-home lending \
    && mkdir /project && chown lending /project
USER 10001
WORKDIR /project
ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["lc-ibis"]
CMD ["build"]
