"""Problems: every error of the API, as RFC 9457 has it: `application/problem+json`, and nothing of a request in it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from schemas.errors import CxError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI
    from starlette.requests import Request

MEDIA_TYPE: Final = "application/problem+json"
TYPE: Final = "urn:cxstream:problem:"
_FAULTS_MAX: Final = 20
_CODES: Final = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "media-type",
    422: "invalid",
    429: "too-many-requests",
    500: "internal",
    503: "unavailable",
}


class Fault(BaseModel):
    """Where something is wrong, and what pydantic calls it, or the reason that a dead letter would have."""

    loc: str
    type: str


class Problem(BaseModel):
    """What went wrong: `type` names the kind of problem, for programs; `title` and `detail` are for people."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(examples=[TYPE + "invalid"])
    title: str
    status: int
    detail: str | None = None
    errors: list[Fault] | None = None


class ProblemError(CxError):
    """A request ends with a problem.

    Args:
        status: The HTTP status.
        code: The last part of the problem's `type`.
        detail: One sentence for a person, with nothing of a customer's.
        headers: For the answer.
        errors: Faults of the request.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Fault] = (),
    ) -> None:
        """See the class."""
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.errors = dict(headers or {}), tuple(errors)


def answer(problem: ProblemError) -> Response:
    """Return the HTTP answer to a *problem*."""
    body: dict[str, Any] = {
        "type": TYPE + problem.code,
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = [fault.model_dump() for fault in problem.errors]
    return Response(orjson.dumps(body), problem.status, problem.headers, MEDIA_TYPE)


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of answers with these *statuses*."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Let every error of *app* be answered as a problem."""

    @app.exception_handler(ProblemError)
    async def _own(_request: Request, error: ProblemError) -> Response:
        return answer(error)

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "error")
        return answer(ProblemError(error.status_code, code, error.detail, headers=error.headers))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> Response:
        return answer(invalid(error.errors()))

    @app.exception_handler(Exception)
    async def _broken(_request: Request, _error: Exception) -> Response:
        return answer(broken())


def broken() -> ProblemError:
    """Return the problem of a fault of ours, of which the log says more than a caller need know."""
    return ProblemError(500, _CODES[500], "a fault of the server; its log says more")


def invalid(errors: Sequence[Any]) -> ProblemError:
    """Return the problem of what pydantic found wrong, told by place and kind, never by the text that was sent."""
    faults = [Fault(loc=".".join(map(str, one["loc"])), type=one["type"]) for one in errors[:_FAULTS_MAX]]
    if any(fault.type == "json_invalid" for fault in faults):
        return ProblemError(400, "not-json", "the body is not JSON", errors=[Fault(loc="body", type="json_invalid")])
    return ProblemError(422, _CODES[422], "the request breaks the contract, see errors", errors=faults)
