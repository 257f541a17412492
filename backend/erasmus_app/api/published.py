"""The documents that we publish, made from the code."""

import msgspec

from erasmus_app.api.rest import documented
from erasmus_app.api.rest.access import rules_of
from erasmus_app.api.schema import schema as graphql_schema


def schema() -> str:
    """Return the GraphQL schema's SDL, with a newline at the end."""
    return graphql_schema.as_str() + "\n"


def openapi() -> str:
    """Return the OpenAPI document of the REST routes, with a newline at the end."""
    document = documented().openapi_schema.to_schema()
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def access() -> str:
    """Return who may have which field and route, a line each; PART: whoever may have the object."""
    fields = {name: rule.words for name, rule in graphql_schema.access.fields.items()}
    both = sorted(fields.items()) + sorted(rules_of(documented()).items())
    return "".join(f"{what:<46} {rule}\n" for what, rule in both)
