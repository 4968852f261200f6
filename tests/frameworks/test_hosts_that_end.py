"""The table of docs/servers.md: servers and workers that end lose nothing of what they have done.

The exporters wait for 60 seconds before they would deliver by themselves: what arrives is delivered
at the end.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

REQUESTS, TASKS = 60, 24

WSGI = """
from flask import Flask
from enterspan import tracing
from enterspan.exporters.jsonlines import JsonLinesExporter
from enterspan.integrations.wsgi import TracingMiddleware

tracing.add_exporter(JsonLinesExporter("spans.jsonl", mode="a"), delay=60.0)
app = Flask("shop")
app.wsgi_app = TracingMiddleware(app.wsgi_app)

@app.get("/carts/<number>")
def cart(number):
    return number
"""

ASGI = """
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route
from enterspan import tracing
from enterspan.exporters.jsonlines import JsonLinesExporter
from enterspan.integrations.asgi import TracingMiddleware

async def cart(request):
    return JSONResponse({})

tracing.add_exporter(JsonLinesExporter("spans.jsonl", mode="a"), delay=60.0)
app = Starlette(routes=[Route("/carts/{number}", cart)], middleware=[Middleware(TracingMiddleware)])
"""

DJANGO = """
import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponse
from django.urls import path
from enterspan import tracing
from enterspan.exporters.jsonlines import JsonLinesExporter
from enterspan.integrations.asgi import TracingMiddleware

settings.configure(SECRET_KEY="none", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__)
django.setup()

async def cart(request, number):
    return HttpResponse(number)

urlpatterns = [path("carts/<int:number>", cart)]
tracing.add_exporter(JsonLinesExporter("spans.jsonl", mode="a"), delay=60.0)
app = TracingMiddleware(ASGIHandler())
"""

UVICORN = ["uvicorn", "--log-level", "warning"]
GUNICORN = ["gunicorn", "--log-level", "warning", "--graceful-timeout", "20"]
UVICORN_WORKER = ["-k", "uvicorn_worker.UvicornWorker"]
RECYCLED = ["--max-requests", "7"]

SERVERS = {
    "uvicorn, TERM": (ASGI, UVICORN, "TERM"),
    "uvicorn, Ctrl-C": (ASGI, UVICORN, "INT"),
    "uvicorn, --workers 2": (ASGI, [*UVICORN, "--workers", "2"], "TERM"),
    "uvicorn, --limit-max-requests": (
        ASGI,
        [*UVICORN, "--limit-max-requests", str(REQUESTS)],
        None,
    ),
    "uvicorn, Django": (DJANGO, UVICORN, "TERM"),
    "gunicorn": (WSGI, [*GUNICORN, "-w", "2"], "TERM"),
    "gunicorn, Ctrl-C": (WSGI, [*GUNICORN, "-w", "2"], "INT"),
    "gunicorn, --preload": (WSGI, [*GUNICORN, "-w", "2", "--preload"], "TERM"),
    "gunicorn, --max-requests": (WSGI, [*GUNICORN, "-w", "2", *RECYCLED], "TERM"),
    "gunicorn, gthread": (WSGI, [*GUNICORN, "-k", "gthread", "--threads", "4"], "TERM"),
    "gunicorn, gthread, --preload --max-requests": (
        WSGI,
        [*GUNICORN, "-k", "gthread", "--threads", "4", "--preload", *RECYCLED],
        "TERM",
    ),
    "gunicorn, UvicornWorker": (ASGI, [*GUNICORN, *UVICORN_WORKER, "-w", "2"], "TERM"),
    "gunicorn, UvicornWorker, --preload": (
        ASGI,
        [*GUNICORN, *UVICORN_WORKER, "-w", "2", "--preload"],
        "TERM",
    ),
    "gunicorn, UvicornWorker, --max-requests": (
        ASGI,
        [*GUNICORN, *UVICORN_WORKER, "-w", "2", *RECYCLED],
        "TERM",
    ),
}


def names_in(folder):
    file = folder / "spans.jsonl"
    spans = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    assert len({span["spanId"] for span in spans}) == len(spans)
    return [span["name"] for span in spans]


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_ends_has_delivered_every_request(kind, tmp_path):
    program, command, stop = SERVERS[kind]
    if "UvicornWorker" in kind:
        pytest.importorskip("uvicorn_worker")
    (tmp_path / "shop.py").write_text(program)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        at = ["-b", f"fd://{number}"] if "gunicorn" in kind else ["--fd", str(number)]
        server = subprocess.Popen(
            [sys.executable, "-m", *command, *at, "shop:app"],
            pass_fds=[number],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
            text=True,
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/carts"
        try:
            for number in range(REQUESTS):
                with urllib.request.urlopen(f"{url}/{number}", timeout=40) as answer:
                    answer.read()
            if stop is not None:
                server.send_signal(getattr(signal, f"SIG{stop}"))
            said, _ = server.communicate(timeout=40)
        finally:
            server.kill()
            server.wait()
    assert len(names_in(tmp_path)) == REQUESTS, said


CELERY = """
import pathlib
from broker import app
from enterspan import QueueEventInfo, tracing
from enterspan.exporters.jsonlines import JsonLinesExporter

tracing.add_exporter(JsonLinesExporter("spans.jsonl", mode="a"), delay=60.0)

@app.task(name="pack")
@tracing.entrypoint("pack", info=lambda number: QueueEventInfo("celery", 1))
def pack(number):
    pathlib.Path("done", str(number)).touch()

if __name__ == "__main__":
    for number in range(24):
        pack.delay(number)
"""

BROKER = """
import pathlib
import time
import uuid
from celery import Celery
from kombu.transport import filesystem
from kombu.utils.json import dumps

def put(self, queue, payload, **kwargs):
    # The transport's own function writes where a worker may read half of a message.
    name = f"{time.time_ns()}_{uuid.uuid4()}.{queue}.msg"
    made = pathlib.Path("control", name)
    made.write_text(dumps(payload))
    made.rename(pathlib.Path("queue", name))

filesystem.Channel._put = put
app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"
}
app.conf.broker_connection_retry_on_startup = True
"""

WORKERS = {
    "prefork": ["-c", "2"],
    "prefork, --max-tasks-per-child": ["-c", "2", "--max-tasks-per-child", "3"],
    "threads": ["-c", "2", "--pool", "threads"],
    "solo": ["--pool", "solo"],
}


INSTALLED = """
import logging
import pathlib
from broker import app
from celery import chain
from enterspan import tracing
from enterspan.exporters.jsonlines import JsonLinesExporter
from enterspan.integrations.celery import install
from enterspan.integrations.logging import LogHandler

install()
logging.getLogger().addHandler(LogHandler())
tracing.add_exporter(JsonLinesExporter("spans.jsonl", mode="a"), delay=60.0)

@app.task(name="pack")
def pack(number):
    logging.getLogger("shop").warning("packed %d", number)
    pathlib.Path("done", f"pack {number}").touch()
    return number

@app.task(name="ship")
def ship(number):
    pathlib.Path("done", f"ship {number}").touch()

if __name__ == "__main__":
    with tracing.invocation("order"):
        for number in range(12):
            chain(pack.s(number), ship.s()).apply_async()
"""


def test_a_sender_and_forked_workers_are_one_trace_with_its_logs(tmp_path):
    """Celery takes the root logger over, and the handler of the trace stays."""
    said = run_worker(tmp_path, INSTALLED, ["-c", "2", "--max-tasks-per-child", "5"])
    lines = (tmp_path / "spans.jsonl").read_text().splitlines()
    spans = [json.loads(line) for line in lines]
    names = sorted(span["name"] for span in spans)
    assert names == ["order", *["pack"] * 12, *["ship"] * 12], said
    assert len({span["traceId"] for span in spans}) == 1
    packed = [span["spanId"] for span in spans if span["name"] == "pack"]
    shipped = [span["parentSpanId"] for span in spans if span["name"] == "ship"]
    assert sorted(shipped) == sorted(packed)
    events = [event["attributes"] for span in spans for event in span.get("events", ())]
    texts = [event.get("log.message", "") for event in events]
    logged = [text for text in texts if text.startswith("packed")]  # and Celery's own
    assert sorted(logged) == sorted(f"packed {number}" for number in range(12))


@pytest.mark.parametrize("kind", WORKERS)
def test_a_worker_that_ends_has_delivered_every_task(kind, tmp_path):
    """The TERM is Celery's warm shutdown: it ends the tasks that it has begun."""
    said = run_worker(tmp_path, CELERY, WORKERS[kind])
    assert names_in(tmp_path) == ["pack"] * TASKS, said


def run_worker(tmp_path, program, options):
    """Send 24 tasks to a worker, and stop it when it has done them; return what it has said."""
    (tmp_path / "tasks.py").write_text(program)
    (tmp_path / "broker.py").write_text(BROKER)
    for folder in ("queue", "control", "done"):
        (tmp_path / folder).mkdir()
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    settings = {
        "cwd": tmp_path,
        "env": {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        "text": True,
    }
    subprocess.run([sys.executable, "tasks.py"], check=True, **settings)
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", *quiet, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **settings,
    )
    try:
        deadline = time.monotonic() + 50
        while len(list((tmp_path / "done").iterdir())) < TASKS and time.monotonic() < deadline:
            time.sleep(0.05)
        worker.terminate()
        said, _ = worker.communicate(timeout=40)
    finally:
        worker.kill()
        worker.wait()
    return said
