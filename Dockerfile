# The image of the api and the worker: docs/operations/install.md, «In containers».
#
# The base is named by a tag, so that building again brings the fixes of Debian and Python. For the
# same bytes each time name a digest: --build-arg BASE=python:3.13-slim-bookworm@sha256:…
# What of this can be tried without a container engine, `make check-image` tries.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS builder
# false: without the weights by which questions are understood, which are 100 MB.
ARG NLU=true
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv --without-pip /opt/erasmus-app
COPY requirements requirements
RUN python -m pip --python /opt/erasmus-app/bin/python install --no-compile --require-hashes -r requirements/run.txt
RUN if [ "$NLU" = true ]; then \
      python -m pip --python /opt/erasmus-app/bin/python install --no-compile --require-hashes --only-binary :all: -r requirements/nlu.txt; \
    fi
RUN python -m pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY backend backend
COPY notifications notifications
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && python -m pip --python /opt/erasmus-app/bin/python install --no-compile --no-deps --no-index /wheels/erasmus_app-*.whl
# Compiled here, as nothing can be written there; by content, as the files' times are those of a build.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/erasmus-app/lib

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Erasmus+ App backend" \
      org.opencontainers.image.description="One record per Erasmus+ student, gathered through Erasmus Without Paper" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# What installs software has no business where it runs; bases of Python 3.11 have setuptools as well.
# The user's number is fixed, as files outside are given to a number: `chown 10001 keys/*`.
RUN python -m pip uninstall --yes -qq --root-user-action=ignore setuptools wheel pip \
 && rm -rf /usr/local/lib/python3.*/ensurepip \
 && groupadd --gid 10001 erasmus \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin erasmus \
 && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=builder /opt/erasmus-app /opt/erasmus-app
ENV PATH=/opt/erasmus-app/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ERASMUS_APP_DATA_DIR=/data \
    ERASMUS_APP_LISTEN=0.0.0.0:8000
# /data and /tmp are all that is written: run it with --read-only --tmpfs /tmp.
VOLUME ["/data"]
WORKDIR /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["erasmus-app", "healthy", "http://127.0.0.1:8000/livez"]
CMD ["erasmus-app", "api"]
