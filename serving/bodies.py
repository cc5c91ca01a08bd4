"""Bodies of requests as JSON, read strictly: after FastAPI has parsed them a strict model would refuse what is fine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from serving.problems import ProblemError, invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_Model = TypeVar("_Model", bound=BaseModel)
JSON = "application/json"


def body_of(model: type[_Model]) -> Callable[[Request], Awaitable[_Model]]:
    """Return a dependency that reads a body as *model*; `described_body` tells OpenAPI of it."""

    async def read(request: Request) -> _Model:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise ProblemError(415, "media-type", f"the body is {JSON}")
        try:
            return model.model_validate_json(await request.body())
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False, include_context=False)
        # Raised here, because an error raised while another is handled keeps that one, and it holds the input.
        raise invalid([fault | {"loc": ("body", *fault["loc"])} for fault in faults])

    # What FastAPI asks a dependency for is looked up by name, which it could not do from in here.
    read.__annotations__["request"] = Request
    return read


def described_body(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI says of a body that `body_of` reads; the schema itself is `schemas_of`'s."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


def schemas_of(*models: type[BaseModel]) -> dict[str, Any]:
    """Return the schemas of *models* and of their parts, as OpenAPI keeps them."""
    found: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        found |= schema.pop("$defs", {}) | {model.__name__: schema}
    return found
