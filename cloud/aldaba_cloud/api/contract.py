"""The description of the API (OpenAPI 3.1), with what FastAPI cannot know: examples, problems, keys of writes."""

from contextlib import suppress
from typing import Any, Final

from fastapi import FastAPI

from aldaba_cloud.api.examples import WORDS, WordUnknown, example_of
from aldaba_cloud.api.idempotency import LONGEST_KEY

PROBLEM: Final = "application/problem+json"
WRITES: Final = frozenset({"post", "put", "patch", "delete"})
OF_CONTROLLERS: Final = frozenset({"pair", "snapshot", "certificate", "configuration", "update"})
"""What controllers send, signed and with a nonce or a single-use code of its own: no account, and so no key."""
SIGN_IN: Final = ("post", "/api/v1/session")
"""Signing in makes a session each time, and its answer is a cookie that nobody keeps."""
ABOUT: Final = """\
How it is used stands in docs/how-to/use-the-api.md. Errors are RFC 9457 problems, each with a `type` that
docs/reference/problems.md explains. Every write takes an `Idempotency-Key`, every list `limit` and `cursor`
and tells the next page in the header `Link`, and what can be edited carries an `ETag`.
"""

PROBLEM_SCHEMA: Final = {
    "title": "Problem",
    "description": "An error as RFC 9457 has it; `code` is the last part of `type`.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "description": "For `invalid`: each mistake, and where it is.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"description": "JSON pointer into the body.", "type": "string"},
                    "parameter": {"type": "string"},
                    "header": {"type": "string"},
                },
            },
        },
    },
}
PROBLEM_EXAMPLE: Final = {name: WORDS.get(f"Problem.{name}", WORDS.get(name)) for name in PROBLEM_SCHEMA["required"]}
INVALID_EXAMPLE: Final = {
    "type": "urn:aldaba:problem:invalid",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "body.seats: Input should be greater than or equal to 1",
    "code": "invalid",
    "errors": [{"pointer": "/seats", "detail": "Input should be greater than or equal to 1"}],
}
KEY_PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A random text of yours. The same request with the same key is done once and answered alike.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
    "example": "0d5f8f0e-2f5b-4d0c-9a58-1c6a1a1f2b77",
}


class Service(FastAPI):
    """The application, whose description is whole."""

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            self.description = ABOUT
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema


def completed(told: dict[str, Any]) -> dict[str, Any]:
    """Add to each operation its examples, its problems and, to a write, its key."""
    models = told["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        models.pop(name, None)
    models["Problem"] = PROBLEM_SCHEMA
    for path, operations in told["paths"].items():
        for method, operation in operations.items():
            _complete(operation, models)
            if takes_key(method, path):
                operation.setdefault("parameters", []).append(KEY_PARAMETER)
    return told


def takes_key(method: str, path: str) -> bool:
    """Whether an operation is a write that an account makes."""
    return method in WRITES and (method, path) != SIGN_IN and path.removeprefix("/api/v1/") not in OF_CONTROLLERS


def _complete(operation: dict[str, Any], models: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        example = WORDS.get(parameter["name"])
        if parameter["in"] != "header" and example is not None and "examples" not in parameter["schema"]:
            parameter["example"] = ",".join(example) if isinstance(example, list) else example
    answers = operation["responses"]
    for status, answer in answers.items():
        if status.startswith("2"):
            _exemplify(answer.get("content", {}), models)
    _exemplify(operation.get("requestBody", {}).get("content", {}), models)
    problem = {"$ref": "#/components/schemas/Problem"}
    if "422" in answers:
        told = answers["422"]["description"]
        answers["422"] = {"description": told, "content": {PROBLEM: {"schema": problem, "example": INVALID_EXAMPLE}}}
    answers["default"] = {
        "description": "Whatever went wrong",
        "content": {PROBLEM: {"schema": problem, "example": PROBLEM_EXAMPLE}},
    }


def _exemplify(content: dict[str, Any], models: dict[str, Any]) -> None:
    """Give a body of JSON its example; files have none, nor what says its own."""
    for kind, body in content.items():
        schema = body.get("schema")
        if kind == "application/json" and schema and "example" not in body:
            with suppress(WordUnknown):  # the contract test misses the example; whoever only reads is not held up
                body["example"] = example_of(schema, models)
