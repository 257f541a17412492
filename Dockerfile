FROM python:3.13-slim
WORKDIR /app
COPY requirements/run.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY backend backend
COPY graphql graphql
COPY notifications notifications
RUN pip install --no-cache-dir --no-deps .
RUN useradd --system --home /data erasmus && mkdir /data && chown erasmus /data
USER erasmus
EXPOSE 8000
CMD ["erasmus-app", "api"]
