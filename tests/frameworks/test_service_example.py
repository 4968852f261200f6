"""The example of a service and its client: two processes, one trace."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "service"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def environment(file):
    return {**os.environ, "SHOP_TRACE": str(file), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}


def test_two_processes_make_one_trace(tmp_path):
    port = free_port()
    served, asked, merged = (tmp_path / f"{n}.jsonl" for n in ("service", "client", "merged"))
    uvicorn = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLE), "service:app"]
    service = subprocess.Popen(
        [*uvicorn, "--port", str(port), "--log-level", "error"], env=environment(served)
    )
    try:
        deadline = time.monotonic() + 20
        while not answers(port):
            assert service.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        client = subprocess.run(
            [sys.executable, str(EXAMPLE / "client.py"), f"http://127.0.0.1:{port}"],
            env=environment(asked), capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
    finally:
        service.terminate()
        service.wait(20)
    assert client.stdout.splitlines() == [
        '201 {"sku":"tea","cents":1280}',
        '404 {"error":"no unicorn here"}',
    ]
    merged.write_text(asked.read_text() + served.read_text())
    view = subprocess.run(
        [sys.executable, "-m", "enterspan", "view", str(merged)],
        env=environment(merged), capture_output=True, encoding="utf-8", timeout=30, check=True,
    )  # fmt: skip
    ids = re.findall(r'"traceId": ?"(\w+)"', merged.read_text())
    assert len(set(ids)) == 1
    for shown in ("shopping", "order", "POST", "price", "sold tea for 1280 cents", "nobody sells"):
        assert shown in view.stdout, view.stdout
