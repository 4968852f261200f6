"""Nothing is imported between the moment a subscriber is added and the end of a span."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "subscribe",
    [
        "tracing.add_tail(lambda onset: lambda event: None, delivery='inline')",
        "tracing.add_exporter(Ignored())",
    ],
)
def test_no_form_imports_anything_while_it_records(script, subscribe):
    """Calls, bodies, awaitables, blocks, invocations, exceptions, events, logs and links."""
    done = script(
        f"""
        import sys
        from enterspan import tracing

        class Ignored:
            def export(self, spans): pass
            def shutdown(self): pass

        class Awaitable:
            def __await__(self):
                yield

        async def body(): pass

        @tracing.traced(capture_args=True, capture_return=True, min_duration=0.5)
        def call(a): return a
        @tracing.traced
        async def coroutine(): pass
        @tracing.traced
        def generator(): yield
        @tracing.entrypoint
        def entry(): raise KeyError("no")

        {subscribe}
        imported = []
        awaitable = Awaitable()
        recording = True
        def hook(event, given):
            if event == "import" and recording:
                imported.append(given[0])
        sys.addaudithook(hook)
        call(1)
        list(generator())
        try:
            coroutine().send(None)
        except StopIteration:
            pass
        try:
            entry()
        except KeyError:
            pass
        with tracing.span("block", a=[1]) as span:
            span.add_event("e").record_exception(ValueError()).add_link(span.context)
            tracing.log("info", "logged")
        with tracing.invocation("lingers", linger=0.01):
            tracing.start_span("open")
        tracing.enter_span("coroutine", lambda span: body()).close()
        tracing.enter_span("awaitable", lambda span: awaitable)
        recording = False
        print(imported)
        """
    )
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    "subscribe",
    [
        "tracing.add_tail(lambda onset: lambda event: None, delivery='inline')",
        "tracing.add_exporter(Ignored())",
    ],
)
def test_the_first_invocation_of_a_process_imports_nothing(script, subscribe):
    """A child that is forked during an import waits for ever for the thread that imports."""
    done = script(
        f"""
        import sys
        from enterspan import tracing

        class Ignored:
            def export(self, spans): pass
            def shutdown(self): pass

        {subscribe}
        before = set(sys.modules)
        with tracing.invocation("first"):
            tracing.propagate(print)()
        print(set(sys.modules) - before)
        """
    )
    assert done.stdout == "\nset()\n", done.stderr
