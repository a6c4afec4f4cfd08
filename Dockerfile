# Built from the lock files. Not built on the machines this was written on (no container engine there).
FROM python:3.12-slim AS build
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends npm && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY requirements requirements
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/base.txt \
 && /venv/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/data.txt
COPY . .
RUN npm run --silent build \
 && /venv/bin/pybabel compile --directory=locale --domain=django \
 && CALLCENTER_VAR=/tmp/var /venv/bin/python manage.py collectstatic --noinput

FROM python:3.12-slim
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --create-home callcenter && install -d -o callcenter /var/lib/callcenter
COPY --from=build /venv /venv
COPY --from=build /app /app
USER callcenter
