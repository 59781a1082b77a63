# One image for all processes; the name of a Procfile line says which of them a container runs.

FROM python:3.12-slim AS build
WORKDIR /app
RUN python -m venv /venv
# requirements-sentry.lock for an image that reports errors to Sentry; requirements-extras.lock for
# one that keeps files in a bucket as well.
ARG LOCK=requirements.lock
COPY ${LOCK} ./requirements.lock
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

FROM python:3.12-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8000 LIVE_PORT=8001
WORKDIR /app
COPY --from=build /venv /venv
COPY . .
# The key is for this step only: nothing is signed while files are collected.
RUN SECRET_KEY=used-only-while-this-image-is-being-built-and-then-never-again \
    python manage.py collectstatic --noinput --verbosity 0 \
    && mkdir -p var /files && chown 10001 var /files
# A number, by which an orchestrator sees that it is not root's.
USER 10001
EXPOSE 8000 8001
ENTRYPOINT ["./become.sh"]
CMD ["web"]
