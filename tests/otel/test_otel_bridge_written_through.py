"""Inside a span of OpenTelemetry's, each way of writing reaches it, whoever listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry is not installed: nox -s otel")

from opentelemetry import context, trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from enterspan import SpanContext, Tracing
from enterspan.integrations.logging import trace_ids
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable

LINKED = SpanContext(trace_id=0xAB, span_id=0xCD, trace_flags=1)


def written(span: Any) -> dict[str, Any]:
    """All that can be written on a span, of either kind."""
    status = span.status
    return {
        "name": span.name,
        "attributes": dict(span.attributes),
        "events": [
            (
                event.name,
                {k: v for k, v in event.attributes.items() if k != "exception.stacktrace"},
            )
            for event in span.events
        ],
        "links": [(link.context.span_id, dict(link.attributes)) for link in span.links],
        "status": getattr(status, "status_code", None) and status.status_code.name.lower(),
        "description": getattr(status, "description", None),
    }


WRITES: dict[str, tuple[Callable[[Tracing], object], dict[str, Any]]] = {
    "set_attribute": (
        lambda t: t.current_span().set_attribute("a", {"b": 1}),
        {"attributes": {"a": '{"b": 1}'}},
    ),
    "set_attributes": (
        lambda t: t.current_span().set_attributes({"a": 1, "none": None}, b=[1, 2]),
        {"attributes": {"a": 1, "b": (1, 2)}},
    ),
    "a key that is none": (
        lambda t: t.current_span().set_attribute([1], 2),  # type: ignore[arg-type]
        {"attributes": {"[1]": 2}},
    ),
    "add_event": (
        lambda t: t.current_span().add_event("miss", {"k": 1}).add_event("miss", {"k": 1}),
        {"events": [("miss", {"k": 1})] * 2},
    ),
    "record_exception": (
        lambda t: t.current_span().record_exception(KeyError("k"), try_=2),
        {
            "events": [
                (
                    "exception",
                    {"exception.type": "KeyError", "exception.message": "'k'", "try_": 2},
                )
            ]
        },
    ),
    "log": (
        lambda t: t.log("INFO", "hello", user=7),
        {"events": [("log", {"log.severity": "info", "log.message": "hello", "user": 7})]},
    ),
    "set_status": (
        lambda t: t.current_span().set_status("error", "bad"),
        {"status": "error", "description": "bad"},
    ),
    "a status that is final": (
        lambda t: t.current_span().set_status("ok").set_status("error", "late"),
        {"status": "ok"},
    ),
    "add_link": (
        lambda t: t.current_span().add_link(LINKED, {"why": "retry"}),
        {"links": [(0xCD, {"why": "retry"})]},
    ),
    "update_name": (lambda t: t.current_span().update_name("better"), {"name": "better"}),
}

UNWRITTEN = {
    "name": "theirs",
    "attributes": {},
    "events": [],
    "links": [],
    "status": "unset",
    "description": None,
}


@pytest.mark.parametrize("listens", ["nobody", "capture", "exporter"])
@pytest.mark.parametrize("where", ["alone", "in ours", "around ours"])
@pytest.mark.parametrize("write", WRITES)
def test_on_a_foreign_span(
    write: str, where: str, listens: str, bridged: Tracing, sdk: Any
) -> None:
    """Once each: on theirs, and on what our own subscribers get of it."""
    do, wanted = WRITES[write]
    kept: list[Any] = []

    class Kept:
        def export(self, spans: Any) -> None:
            kept.extend(spans)

        def shutdown(self) -> None:
            pass

    def program() -> None:
        if where == "in ours":
            with bridged.span("ours"), sdk.foreign.start_as_current_span("theirs"):
                do(bridged)
        else:
            with sdk.foreign.start_as_current_span("theirs"):
                if where == "around ours":
                    with bridged.span("ours"):
                        pass
                do(bridged)

    if listens == "capture":
        with capture(bridged) as recorded:
            program()
        kept = list(recorded.spans)
    else:
        if listens == "exporter":
            bridged.add_exporter(Kept())
        program()
        bridged.flush(10)
    want = {**UNWRITTEN, **wanted}
    assert written(sdk.find(want["name"])) == want
    if listens != "nobody":
        (ours,) = [span for span in kept if span.name == want["name"]]
        got = written(ours)
        got["attributes"].pop("otel.scope.name")
        assert got == {**want, "status": got["status"], "description": got["description"]}
        assert (ours.status, ours.status_description or None) == (
            want["status"],
            want["description"],
        )
        if listens == "capture":
            named = {"add_event": 2, "log": 1, "record_exception": 1}
            told = [e for e in recorded.events if e.event.type in _LIVE]
            assert len(told) == named.get(write, 0)


_LIVE = ("log", "exception", "diagnosticChannel")


def test_the_current_span_is_theirs(bridged: Tracing, sdk: Any) -> None:
    """Its identity, in log records and in what is sent on; and its end."""
    for listening in (False, True):
        with capture(bridged) if listening else _nothing():
            theirs = sdk.foreign.start_span("theirs")
            with trace.use_span(theirs):
                ours = bridged.current_span()
                own = theirs.get_span_context()
                assert (ours.context.trace_id, ours.context.span_id) == (own.trace_id, own.span_id)
                assert ours.is_traced
                assert trace_ids(bridged) == (f"{own.trace_id:032x}", f"{own.span_id:016x}")
                headers: dict[str, str] = {}
                bridged.inject(headers)
                assert f"{own.span_id:016x}" in headers["traceparent"]
                ours.end()
                assert not theirs.is_recording()
                assert not bridged.current_span().is_traced
                bridged.current_span().set_attribute("late", 1)
            assert "late" not in sdk.find("theirs").attributes
            sdk.memory.clear()


@pytest.mark.parametrize("listening", [False, True])
def test_inside_a_span_of_ours_theirs_is_sent_on(
    bridged: Tracing, sdk: Any, listening: bool
) -> None:
    """What is nearest to the request that is sent, whether or not there is a subscriber."""
    headers: dict[str, str] = {}
    with capture(bridged) if listening else _nothing(), bridged.span("ours") as ours:
        with sdk.foreign.start_as_current_span("theirs") as theirs:
            bridged.inject(headers)
            own = theirs.get_span_context()
            assert headers["traceparent"].split("-")[2] == f"{own.span_id:016x}"
            assert trace_ids(bridged) == (f"{own.trace_id:032x}", f"{own.span_id:016x}")
            with bridged.span("inner") as inner:
                bridged.inject(headers)
                assert headers["traceparent"] == inner.context.traceparent
        bridged.inject(headers)
        assert headers["traceparent"] == ours.context.traceparent


class _nothing:  # noqa: N801
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def test_a_foreign_span_may_be_used_elsewhere(bridged: Tracing, sdk: Any) -> None:
    with sdk.foreign.start_as_current_span("theirs"):
        span = bridged.current_span()
    theirs = sdk.find("theirs").context
    with bridged.use_span(span), bridged.span("ours"):
        pass
    with bridged.invocation("other", parent=span):
        pass
    for name in ("ours", "other"):
        assert sdk.find(name).parent.span_id == theirs.span_id


THEIRS: dict[str, tuple[Callable[[Any], object], dict[str, Any]]] = {
    "a new attribute": (lambda s: s.set_attribute("b", 2), {"attributes": {"a": [1, 2], "b": 2}}),
    "an initial attribute": (lambda s: s.set_attribute("a", 3), {"attributes": {"a": 3}}),
    "add_event": (
        lambda s: s.add_event("miss", {"k": 1}),
        {"events": [("miss", {"k": 1})]},
    ),
    "set_status": (
        lambda s: s.set_status(trace.StatusCode.ERROR, "bad"),
        {"status": "error", "description": "bad"},
    ),
    "a status that is final": (
        lambda s: s.set_status(trace.StatusCode.OK),
        {"status": "ok"},
    ),
    "add_link": (
        lambda s: s.add_link(trace.SpanContext(0xAB, 0xCD, is_remote=False), {"why": "retry"}),
        {"links": [(0xCD, {"why": "retry"})]},
    ),
    "update_name": (lambda s: s.update_name("better"), {"name": "better"}),
}


@pytest.mark.parametrize("where", ["root", "child"])
@pytest.mark.parametrize("write", THEIRS)
def test_on_a_span_of_ours_through_opentelemetry(
    write: str, where: str, bridged: Tracing, sdk: Any
) -> None:
    """Once each: on the provider's, and on ours."""
    do, wanted = THEIRS[write]
    with capture(bridged) as recorded:
        with bridged.span("outer") if where == "child" else _nothing():
            with bridged.span("ours", a=[1, 2]):
                do(trace.get_current_span())
    want = {**UNWRITTEN, "name": "ours", "attributes": {"a": [1, 2]}, **wanted}
    ours = recorded.find(want["name"])
    for got in (written(sdk.find(want["name"])), written(ours)):
        got["attributes"] = {
            k: list(v) if k == "a" and v != 3 else v for k, v in got["attributes"].items()
        }
        assert got == {**want, "status": got["status"], "description": got["description"]}
    assert written(sdk.find(want["name"]))["status"] == want["status"]
    assert (ours.status, ours.status_description or None) == (want["status"], want["description"])


def test_what_both_have_written_on_a_span_of_ours_is_whole(bridged: Tracing, sdk: Any) -> None:
    """Ours is written at the end, so a name and an attribute are as we have set them."""
    with capture(bridged) as recorded, bridged.span("ours", a=1) as span:
        theirs = trace.get_current_span()
        span.set_attribute("a", 2).add_link(LINKED, {"by": "us"}).update_name("our name")
        theirs.set_attributes({"a": 3, "b": 4})
        theirs.update_name("their name")
        theirs.add_link(trace.SpanContext(0xAB, 0xEF, is_remote=False), {"by": "them"})
    for found in (sdk.find("our name"), recorded.find("our name")):
        assert dict(found.attributes) == {"a": 2, "b": 4}
        links = {link.context.span_id: dict(link.attributes) for link in found.links}
        assert links == {0xCD: {"by": "us"}, 0xEF: {"by": "them"}}


def test_a_status_that_was_set_through_opentelemetry_is_final(bridged: Tracing, sdk: Any) -> None:
    with capture(bridged) as recorded, pytest.raises(KeyError), bridged.span("ours"):
        trace.get_current_span().set_status(trace.StatusCode.OK)
        raise KeyError("k")
    assert recorded.find("ours").status == "ok"
    assert sdk.find("ours").status.status_code is trace.StatusCode.OK


def test_a_processor_may_write_on_a_span_of_ours(bridged: Tracing, sdk: Any) -> None:
    from opentelemetry.sdk.trace import SpanProcessor

    class Writes(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            span.update_name(f"shop.{span.name}")
            span.set_attribute("tenant", 7)

    sdk.provider.add_span_processor(Writes())
    with capture(bridged) as recorded, bridged.span("ours", a=1):
        with bridged.span("inside"):
            pass
    assert [span.name for span in recorded.spans] == ["shop.inside", "shop.ours"]
    for found in (recorded.find("shop.ours"), sdk.find("shop.ours")):
        assert dict(found.attributes) == {"a": 1, "tenant": 7}
    for found in (recorded.find("shop.inside"), sdk.find("shop.inside")):
        assert dict(found.attributes) == {"tenant": 7}


def test_values_that_the_provider_cuts_are_whole_in_ours(mine: Tracing) -> None:
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider

    from enterspan.integrations.otel import install

    provider = TracerProvider(span_limits=SpanLimits(max_attributes=2, max_attribute_length=3))
    with install(mine, provider), capture(mine) as recorded:
        with mine.span("ours", a="aaaaa", b="bbbbb", c="ccccc"):
            trace.get_current_span().set_attribute("c", "changed")
    assert dict(recorded.spans[0].attributes) == {"a": "aaaaa", "b": "bbbbb", "c": "cha"}


def test_what_comes_from_elsewhere_can_not_be_written_on(bridged: Tracing) -> None:
    remote = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=True))
    token = context.attach(trace.set_span_in_context(remote))
    try:
        assert not bridged.current_span().is_traced
        bridged.current_span().set_attribute("a", 1)
        bridged.log("info", "nowhere")
    finally:
        context.detach(token)


def test_an_unsampled_foreign_span_is_not_written_on(bridged: Tracing) -> None:
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider(sampler=ALWAYS_OFF).get_tracer("x")
    with tracer.start_as_current_span("theirs"):
        assert not bridged.current_span().is_traced
        bridged.current_span().set_attribute("a", 1).add_event("e").end()
        bridged.log("info", "nowhere")


def test_times_that_a_library_gives_are_kept(bridged: Tracing, sdk: Any) -> None:
    start, end = 1_700_000_000_000_000_000, 1_700_000_005_000_000_000
    with capture(bridged) as recorded:
        with bridged.span("ours"):
            sdk.foreign.start_span("inner", start_time=start).end(end_time=end)
        sdk.foreign.start_span("root", start_time=start).end(end_time=end)
    for name in ("inner", "root"):
        found = recorded.find(name)
        assert (found.start_ns, found.end_ns) == (start, end)
