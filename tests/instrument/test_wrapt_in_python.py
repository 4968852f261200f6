"""wrapt without its C extension, as where no wheel fits: everything works, with wrapt's frames."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import asyncio, inspect, json, pickle, typing
import wrapt
from enterspan import traced, tracing
from enterspan.testing import capture

assert wrapt.FunctionWrapper.__module__ == "wrapt.wrappers"
with tracing.instrument("textwrap", "json:dumps") as instrumentation, capture() as trace:
    import textwrap

    assert textwrap.dedent("  a") == "a"
    assert json.dumps([1]) == "[1]"
    assert typing.get_type_hints(textwrap.dedent) == {}
    assert str(inspect.signature(textwrap.dedent)) == "(text)"
assert [span.name for span in trace.spans] == ["dedent", "dumps"], trace.tree()
assert type(textwrap.dedent) is type(lambda: 0)

class Shop:
    @traced
    @staticmethod
    def price(item: str) -> int:
        return len(item)

async def sell(item: str) -> int:
    return Shop.price(item)

job = tracing.propagate(sell)
assert inspect.iscoroutinefunction(job)
assert typing.get_type_hints(job) == {"item": str, "return": int}
assert asyncio.run(pickle.loads(pickle.dumps(job))("tea")) == 3
with capture() as trace, tracing.span("shop"):
    assert asyncio.run(job("tea")) == 3
assert trace.tree() == "shop\\n  Shop.price", trace.tree()
print("ok")
"""


def test_functions_are_instrumented_without_the_extension() -> None:
    """Spans, results, signatures, annotations, pickles and removal are as with it."""
    environment = {**os.environ, "WRAPT_DISABLE_EXTENSIONS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
