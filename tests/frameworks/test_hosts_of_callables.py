"""Hosts that ask a callable what it is before they call it: each gets what stands in for one.

A host that takes a coroutine function for a plain one never awaits it: nothing fails, and the work
is not done.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import multiprocessing
import pickle
import unittest.mock
from concurrent.futures import ProcessPoolExecutor
from datetime import timezone
from typing import Any

import httpx
import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.responses import JSONResponse
from starlette.routing import Route

from enterspan import traced, tracing
from enterspan.testing import capture

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # one that is never awaited

done: list[str] = []


def plain(name: str) -> None:
    done.append(f"plain {name}")


async def coro(name: str) -> None:
    await asyncio.sleep(0)
    done.append(f"coro {name}")


class Called:
    def __call__(self, name: str) -> None:
        done.append(f"object {name}")

    def method(self, name: str) -> None:
        done.append(f"method {name}")

    async def coro_method(self, name: str) -> None:
        await asyncio.sleep(0)
        done.append(f"coro method {name}")


class AsyncCalled:
    async def __call__(self, name: str) -> None:
        await asyncio.sleep(0)
        done.append(f"async object {name}")


KINDS = {
    "plain": plain,
    "coro": coro,
    "object": Called(),
    "async object": AsyncCalled(),
    "method": Called().method,
    "coro method": Called().coro_method,
    "partial": functools.partial(plain),
    "coro partial": functools.partial(coro),
}
SAYS = {"partial": "plain", "coro partial": "coro"}
every_kind = pytest.mark.parametrize("kind", KINDS)
FORMS = {
    "traced": lambda mine, fn: mine.traced(fn),
    "entrypoint": lambda mine, fn: mine.entrypoint(fn),
    "propagate": lambda mine, fn: mine.propagate(fn),
    "traced, propagated": lambda mine, fn: mine.propagate(mine.traced(fn)),
}
every_form = pytest.mark.parametrize("form", FORMS)
heard = pytest.mark.parametrize("subscribed", [True, False], ids=["subscribed", "not"])


@pytest.fixture(autouse=True)
def nothing_done():
    done.clear()


def made_in(mine, form, function):
    """What a form makes of a function where a span is current."""
    with capture(mine), mine.span("above"):
        return FORMS[form](mine, function)


def get(app, *paths):
    """The answers of an application, without a server."""

    async def main():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [(await client.get(path)).json() for path in paths]

    return asyncio.run(main())


def listening(mine, subscribed):
    return capture(mine) if subscribed else contextlib.nullcontext()


@every_kind
@every_form
@heard
def test_a_background_task_of_starlette_is_done(mine, kind, form, subscribed):
    function = made_in(mine, form, KINDS[kind])

    async def alone(request):
        return JSONResponse("ok", background=BackgroundTask(function, "alone"))

    async def several(request):
        tasks = BackgroundTasks()
        tasks.add_task(function, "first")
        tasks.add_task(function, name="second")
        return JSONResponse("ok", background=tasks)

    app = Starlette(routes=[Route("/alone", alone), Route("/several", several)])
    with listening(mine, subscribed):
        assert get(app, "/alone", "/several") == ["ok", "ok"]
    word = SAYS.get(kind, kind)
    assert done == [f"{word} alone", f"{word} first", f"{word} second"]


async def something_done():
    while not done:  # noqa: ASYNC110 - the scheduler has no event for it
        await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    "kind", [k for k in KINDS if k != "async object"]
)  # which APScheduler never awaits
@every_form
@heard
def test_a_job_of_apscheduler_is_done(mine, kind, form, subscribed):
    function = made_in(mine, form, KINDS[kind])

    async def main():
        scheduler = AsyncIOScheduler(timezone=timezone.utc)
        scheduler.start()
        try:
            scheduler.add_job(function, args=["job"])
            await asyncio.wait_for(something_done(), 10)
        finally:
            scheduler.shutdown()

    with listening(mine, subscribed):
        asyncio.run(main())
    assert done == [f"{SAYS.get(kind, kind)} job"]


def query(q: str = "none") -> str:
    return f"plain {q}"


async def async_query(q: str = "none") -> str:
    await asyncio.sleep(0)
    return f"coro {q}"


def generated(q: str = "none"):
    yield f"gen {q}"
    done.append("closed")


async def async_generated(q: str = "none"):
    await asyncio.sleep(0)
    yield f"agen {q}"
    done.append("closed")


class Query:
    def __call__(self, q: str = "none") -> str:
        return f"object {q}"


class AsyncQuery:
    async def __call__(self, q: str = "none") -> str:
        await asyncio.sleep(0)
        return f"async object {q}"


DEPENDENCIES = {
    "plain": query,
    "coro": async_query,
    "gen": generated,
    "agen": async_generated,
    "object": Query(),
    "async object": AsyncQuery(),
}


@pytest.mark.parametrize("kind", DEPENDENCIES)
@every_form
@heard
def test_a_dependency_of_fastapi_is_resolved(mine, kind, form, subscribed):
    dependency = made_in(mine, form, DEPENDENCIES[kind])
    app = FastAPI()

    @app.get("/")
    def read(value: Any = Depends(dependency)) -> dict[str, str]:  # noqa: B008
        return {"value": value}

    with listening(mine, subscribed):
        assert get(app, "/?q=tea") == [{"value": f"{kind} tea"}]
    assert done == (["closed"] if kind in {"gen", "agen"} else [])


@pytest.mark.parametrize("kind", ["plain", "coro", "object", "async object"])
@every_form
@heard
def test_an_endpoint_of_fastapi_answers_and_is_described(mine, kind, form, subscribed):
    app = FastAPI()
    app.get("/", name="read")(made_in(mine, form, DEPENDENCIES[kind]))
    with listening(mine, subscribed):
        answer, described = get(app, "/?q=tea", "/openapi.json")
    assert answer == f"{kind} tea"
    (parameter,) = described["paths"]["/"]["get"]["parameters"]
    assert (parameter["name"], parameter["schema"]["default"]) == ("q", "none")


@every_kind
@every_form
@heard
def test_to_thread_calls_it_and_gives_what_it_returns(mine, kind, form, subscribed):
    function = made_in(mine, form, KINDS[kind])

    async def main():
        result = await asyncio.to_thread(function, "thread")
        if result is not None:
            await result

    with listening(mine, subscribed):
        asyncio.run(main())
    assert done == [f"{SAYS.get(kind, kind)} thread"]


@traced
def double(number: int) -> int:
    return number * 2


@tracing.entrypoint
def enter(number: int) -> int:
    return number * 2


@heard
@pytest.mark.parametrize("function", [double, enter], ids=["traced", "entrypoint"])
def test_a_pool_of_processes_is_sent_them(function, subscribed):
    """Alone, in a partial, and with a span."""
    context = multiprocessing.get_context("spawn")
    with capture() if subscribed else contextlib.nullcontext():
        with tracing.span("above"):
            sent = [function, functools.partial(function), tracing.propagate(function)]
            sent.append(tracing.propagate(functools.partial(function)))
        with ProcessPoolExecutor(1, context) as pool:
            assert [pool.submit(each, 4).result(30) for each in sent] == [8, 8, 8, 8]


@pytest.mark.parametrize("kind", list(KINDS)[2:])
@pytest.mark.parametrize("form", ["traced", "entrypoint", "propagate"])
@heard
def test_what_is_pickled_arrives_and_works(mine, kind, form, subscribed):
    """Functions are sent by name, as in the test before."""
    arrived = pickle.loads(pickle.dumps(made_in(mine, form, KINDS[kind])))
    with listening(mine, subscribed):
        result = arrived("there")
        if result is not None:
            asyncio.run(awaited(result))
    assert done == [f"{SAYS.get(kind, kind)} there"]


async def awaited(awaitable):
    return await awaitable


@every_form
@heard
def test_singledispatch_registers_by_the_annotation(mine, form, subscribed):
    def of_int(value: int) -> str:
        return "int"

    @functools.singledispatch
    def chosen(value: object) -> str:
        return "object"

    chosen.register(made_in(mine, form, of_int))
    with listening(mine, subscribed):
        assert (chosen(1), chosen("a")) == ("int", "object")


@every_kind
@every_form
def test_autospec_makes_the_mock_that_the_callable_gets(mine, kind, form):
    """An async mock for what is awaited, and the arguments are checked."""
    function = made_in(mine, form, KINDS[kind])
    spec = unittest.mock.create_autospec(function)
    assert type(spec).__name__ == type(unittest.mock.create_autospec(KINDS[kind])).__name__
    assert refused(spec) == refused(unittest.mock.create_autospec(KINDS[kind]))


def refused(spec):
    """Whether a mock refuses arguments that its original does not have."""
    try:
        result = spec(1, 2, 3)
        if inspect.iscoroutine(result):
            asyncio.run(awaited(result))
    except TypeError:
        return True
    return False
