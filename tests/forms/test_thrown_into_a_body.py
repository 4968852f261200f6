"""The traceback of an exception that a consumer throws into a body."""

from __future__ import annotations

import traceback
import types
from typing import Any

import pytest

from enterspan.testing import capture


def generator(seen: list[Any]) -> Any:
    try:
        yield 1
    except ValueError as error:
        seen.append([f.lineno for f in traceback.extract_tb(error.__traceback__)])
    yield 2


@types.coroutine
def pause() -> Any:
    yield 1


async def coroutine(seen: list[Any]) -> None:
    try:
        await pause()
    except ValueError as error:
        seen.append([f.lineno for f in traceback.extract_tb(error.__traceback__)])
    await pause()


async def async_generator(seen: list[Any]) -> Any:
    try:
        yield 1
    except ValueError as error:
        seen.append([f.lineno for f in traceback.extract_tb(error.__traceback__)])
    yield 2


def drive(function: Any) -> list[Any]:
    seen: list[Any] = []
    body = function(seen)
    if hasattr(body, "asend"):
        for step in (lambda: body.asend(None), lambda: body.athrow(ValueError("thrown"))):
            with pytest.raises(StopIteration):
                step().send(None)
        with pytest.raises(StopIteration):
            body.aclose().send(None)
    else:
        body.send(None)
        body.throw(ValueError("thrown"))
        body.close()
    return seen


@pytest.mark.parametrize("function", [generator, coroutine, async_generator])
def test_the_body_sees_the_same_frames_as_without_us(function: Any, mine: Any) -> None:
    """The frame in which we took it is not there."""
    with capture(mine):
        traced = drive(mine.traced(function))
    assert traced == drive(function)
    assert len(traced) == 1
