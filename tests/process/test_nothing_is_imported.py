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


def test_where_nobody_subscribes_no_recorder_is_loaded(script):
    """A library that is instrumented costs the program little more than the facade."""
    done = script(
        """
        import sys
        before = set(sys.modules)
        from enterspan import tracing

        with tracing.span("block", a=1) as span:
            span.set_attribute("b", 2).add_event("e").record_exception(ValueError())
            tracing.log("info", "logged")
        tracing.start_span("started").end()
        tracing.enter_span("called", lambda span: None)
        with tracing.use_span(tracing.current_span()):
            tracing.inject({})
        tracing.flush()
        tracing.shutdown()
        heavy = {"asyncio", "collections", "dataclasses", "inspect", "logging", "typing", "wrapt"}
        new = sys.modules.keys() - before
        print(sorted(heavy & new))
        print(sorted(name for name in new if name.startswith("enterspan._span.")))
        """
    )
    assert done.stdout.splitlines() == [
        "[]",
        str([f"enterspan._span.{name}" for name in ("context", "scope", "span", "tracer")]),
    ], done.stderr


def test_each_name_that_is_put_off_is_bound_with_the_first_subscriber(script):
    """The names of functions are written twice: for type checkers, and for the program."""
    done = script(
        """
        import builtins, sys
        from types import CodeType
        from enterspan import Tracing

        import enterspan._forms.enter
        Tracing().add_tail(lambda onset: None)

        def globals_of(code):
            import dis
            for step in dis.get_instructions(code):
                if step.opname == "LOAD_GLOBAL":
                    yield step.argval
            for constant in code.co_consts:
                if isinstance(constant, CodeType):
                    yield from globals_of(constant)

        for module in (
            "_forms.enter",
            "_model.diagnostics",
            "_model.failures",
            "_span.scope",
            "_span.span",
            "_span.tracer",
            "_tracing",
        ):
            there = vars(sys.modules["enterspan." + module])
            code = compile(open(there["__file__"]).read(), "", "exec")
            used = {name for name in globals_of(code) if not hasattr(builtins, name)}
            late = [name for name in there if type(there[name]).__name__ == "_PutOff"]
            print(module, sorted(used - there.keys()), late)
        """
    )
    assert done.stdout.splitlines() == [
        "_forms.enter [] []",
        "_model.diagnostics [] []",
        "_model.failures [] []",
        "_span.scope [] []",
        "_span.span [] []",
        "_span.tracer [] []",
        "_tracing [] []",
    ], done.stderr


def test_a_call_at_the_end_of_the_interpreter_imports_nothing_where_nobody_subscribes(script):
    """What was put off cannot be imported any more; the calls do nothing, and raise nothing."""
    done = script(
        """
        import sys
        from enterspan import tracing

        def invocation():
            with tracing.invocation("late", info=None) as held:
                held.set_return()
                held.close()
                held.close("of its own")
                return held.name

        class Last:
            def __del__(self):
                print(invocation(), tracing.extract({}), tracing.propagate(len)([1]))
                print(tracing.start_span("late").is_traced, tracing.flush(), tracing.shutdown())

        sys.modules["last"] = Last()
        """
    )
    assert done.stdout.splitlines() == ["late None 1", "False True True"], done.stderr


@pytest.mark.parametrize(
    "subscribe",
    [
        "tracing.add_tail(lambda onset: lambda event: None, delivery='inline')",
        "tracing.add_tail(lambda onset: lambda event: None)",
        "tracing.add_exporter(Ignored())",
    ],
)
def test_subscribed_nothing_raises_or_waits_while_the_interpreter_is_finalized(script, subscribe):
    """An invocation, a flush and the end of a subscription: the threads have stopped by then."""
    done = script(
        f"""
        import builtins
        from enterspan import tracing

        class Ignored:
            def export(self, spans): pass
            def shutdown(self): pass

        subscription = {subscribe}

        class Last:
            def __del__(self):
                with tracing.invocation("late") as held, tracing.span("inner"):
                    held.set_return()
                print(tracing.flush(3600) in (True, False), flush=True)
                subscription.remove()
                print(tracing.shutdown(3600) in (True, False), flush=True)

        with tracing.span("before"):
            pass
        builtins.last = Last()
        """
    )
    assert (done.stdout, done.stderr) == ("True\nTrue\n", "")


def test_a_traced_async_generator_steps_when_the_names_of_modules_are_gone(script):
    """A thread's last words are the last of all: modules have been cleared by then."""
    done = script(
        """
        import os, threading
        import enterspan
        from enterspan import traced

        @traced
        async def generator():
            yield 1

        class Last:
            def __del__(self, generator=generator, write=os.write, kept=enterspan):
                try:
                    generator().__anext__().send(None)
                except StopIteration as stop:
                    write(1, b"%d" % stop.value)

        threading._register_atexit(lambda last=Last(): None)
        """
    )
    assert (done.stdout, done.stderr) == ("1", "")
