"""Exceptions that frameworks turn into responses (a 404, a redirect, a retry): not failures.

They are recognized by the module and the name of their class, so that no framework is imported.
"""

from __future__ import annotations

from os import sep
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.classes import full_name_of, module_of, mro_of, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATUSES: Final[Mapping[tuple[object, str], int | str]] = {
    ("aiohttp.web_exceptions", "HTTPException"): "status",
    ("django.core.exceptions", "BadRequest"): 400,
    ("django.core.exceptions", "PermissionDenied"): 403,
    ("django.core.exceptions", "SuspiciousOperation"): 400,
    ("django.http.multipartparser", "MultiPartParserError"): 400,
    ("django.http.response", "Http404"): 404,
    ("falcon.errors", "WebSocketDisconnected"): 400,
    ("falcon.http_error", "HTTPError"): "status_code",
    ("falcon.http_status", "HTTPStatus"): "status_code",
    ("fastapi.exceptions", "RequestValidationError"): 422,
    ("fastapi.exceptions", "WebSocketRequestValidationError"): 422,
    ("litestar.exceptions.http_exceptions", "HTTPException"): "status_code",
    ("litestar.exceptions.websocket_exceptions", "WebSocketException"): 400,
    ("rest_framework.exceptions", "APIException"): "status_code",
    ("starlette.exceptions", "HTTPException"): "status_code",
    ("starlette.exceptions", "WebSocketException"): 400,
    ("starlette.websockets", "WebSocketDisconnect"): 400,
    ("werkzeug.exceptions", "HTTPException"): "code",
}
"""The response status of each, or the attribute that has it."""

_TASKS: Final = frozenset(
    {
        ("celery.exceptions", "Ignore"),
        ("celery.exceptions", "Reject"),
        ("celery.exceptions", "Retry"),
    }
)


def is_answer(error: BaseException) -> bool:
    """Whether an exception stands for an HTTP response with a status below 500."""
    for base in mro_of(type(error)):
        status: Any = _STATUSES.get(full_name_of(base))
        if status is not None:
            if isinstance(status, str):
                try:
                    status = getattr(error, status, None)
                except Exception:
                    return False  # a property of the program, which raised
            return not isinstance(status, int) or status < 500
    return False


_ABORT_FILE: Final = f"grpc{sep}_server.py"
"""The file in which gRPC's `abort` raises a bare Exception."""


def is_abort(error: BaseException) -> bool:
    """Whether an exception was raised by gRPC's `abort`, which ends a call with a status."""
    kind = type(error)
    if kind is not Exception:
        return name_of(kind) == "AbortError" and module_of(kind).startswith("grpc.")
    traceback = error.__traceback__
    if error.args or traceback is None:
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    return code.co_name == "abort" and code.co_filename.endswith(_ABORT_FILE)


def is_task_control(error: BaseException) -> bool:
    """Whether an exception is one of Celery's control exceptions, and not a failure."""
    return any(full_name_of(base) in _TASKS for base in mro_of(type(error)))
