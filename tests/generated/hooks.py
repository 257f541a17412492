"""What is an error of ours in GraphQL, for schemathesis, which takes a refusal for one as well."""

import schemathesis


@schemathesis.check
def nothing_of_ours_fails(ctx, response, case) -> None:
    """No 5xx, and no `internal_error` within an answer."""
    assert response.status_code < 500, f"{response.status_code}"
    if case.operation.schema.raw_schema.get("openapi") is None:
        codes = [each["extensions"]["code"] for each in response.json().get("errors", [])]
        assert "internal_error" not in codes, codes
