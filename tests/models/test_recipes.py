"""An agent, its models and its tools, in one tree, with what was asked, answered and spent."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import Limits, Tracing, tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable

    from enterspan import SpanData
    from enterspan.testing import Trace

# The frameworks warn about each other.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")

IN, OUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
ASKED, ANSWERED = "gen_ai.input.messages", "gen_ai.output.messages"
ARGUMENTS, RESULT = "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"


def by_name(trace: Trace, name: str) -> list[SpanData]:
    return sorted((s for s in trace.spans if s.name == name), key=lambda s: s.start_ns)


def parsed(span: SpanData, name: str) -> Any:
    return json.loads(str(span.attributes[name]))


def failed(trace: Trace) -> list[str]:
    return [span.name for span in trace.spans if span.status == "error"]


# --- without a framework --------------------------------------------------------------------------


@pytest.fixture
def agent(recipe: Callable[..., Any]) -> Any:
    return recipe("agent")


def test_an_agent_streams_calls_tools_side_by_side_and_tries_again(
    agent: Any, recipe: Callable[..., Any]
) -> None:
    """A call that is made again is not red; the tool that failed is, and nothing else."""
    model = recipe("fake").Model(busy=1)
    with capture() as trace:
        answer = asyncio.run(agent.run("How is Oslo?", model))
    assert answer == "In Oslo: rain in Oslo, no population (Oslo is not in the census)."
    assert trace.tree() == (
        "invoke_agent\n  turn\n    chat\n    chat\n    execute_tool\n    execute_tool\n"
        "  turn\n    chat"
    )
    assert failed(trace) == ["execute_tool"]
    busy, first, last = by_name(trace, "chat")
    assert (busy.outcome, busy.events, ANSWERED in busy.attributes) == ("ok", (), False)
    assert [event.name for event in last.events] == ["first item"]
    assert (last.kind, last.attributes["gen_ai.request.model"]) == ("client", "fake-1")
    assert (last.attributes[IN], last.attributes[OUT]) == (14, 13)
    assert last.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert parsed(last, ANSWERED) == [{"role": "assistant", "content": answer}]
    assert [call["name"] for call in parsed(first, ANSWERED)[0]["tool_calls"]] == [
        "weather", "population",
    ]  # fmt: skip
    one, other = by_name(trace, "execute_tool")
    assert one.start_ns < other.start_ns < one.end_ns
    assert (parsed(one, ARGUMENTS), one.attributes[RESULT]) == ({"city": "Oslo"}, "rain in Oslo")
    assert [event.name for event in other.events] == ["exception"]


def test_a_service_that_stays_busy_is_a_failure_of_the_agent(
    agent: Any, recipe: Callable[..., Any]
) -> None:
    fake = recipe("fake")
    with capture() as trace, pytest.raises(fake.RateLimitError):
        asyncio.run(agent.run("How is Oslo?", fake.Model(busy=9)))
    assert len(by_name(trace, "chat")) == 3
    assert set(failed(trace)) == {"turn", "invoke_agent"}


def test_the_catalogue_is_what_a_run_does_and_its_module_is_up_to_date(
    agent: Any, recipe: Callable[..., Any], tmp_path: Any
) -> None:
    from enterspan import cli
    from enterspan.exporters.jsonlines import JsonLinesExporter

    catalogue = str(Path(agent.__file__).with_name("catalogue.toml"))
    file = tmp_path / "run.jsonl"
    with tracing.add_exporter(JsonLinesExporter(file)):
        asyncio.run(agent.run("How is Oslo?", recipe("fake").Model(busy=1)))
        assert tracing.flush(10)
    assert cli.main(["catalogue", "--catalogue", catalogue, "--check", str(file)]) == 0
    assert cli.main(["catalogue", "--catalogue", catalogue, "--generate", "--check"]) == 0


def test_openinference_names_are_exported_beside_ours(
    agent: Any, recipe: Callable[..., Any]
) -> None:
    """Kinds, inputs, outputs, models, tokens and messages, as Phoenix reads them."""
    given: list[SpanData] = []

    class Exporter:
        is_shut = False

        def export(self, spans: Any) -> None:
            given.extend(spans)

        def shutdown(self) -> None:
            self.is_shut = True

    inner = Exporter()
    with tracing.add_exporter(recipe("openinference").OpenInference(inner)):
        asyncio.run(agent.run("How is Oslo?", recipe("fake").Model()))
        assert tracing.flush(10)
    assert inner.is_shut
    kinds = [(span.name, span.attributes["openinference.span.kind"]) for span in given]
    assert sorted(set(kinds)) == [
        ("chat", "LLM"), ("execute_tool", "TOOL"), ("invoke_agent", "AGENT"), ("turn", "CHAIN"),
    ]  # fmt: skip
    first, last = [span.attributes for span in given if span.name == "chat"]
    assert last["llm.model_name"] == "fake-1"
    counts = [last[f"llm.token_count.{what}"] for what in ("prompt", "completion", "total")]
    assert counts == [14, 13, 27]
    assert last["input.value"] == last[ASKED]
    assert (last["input.mime_type"], last["output.mime_type"]) == ("application/json",) * 2
    assert last["llm.input_messages.0.message.content"] == "How is Oslo?"
    assert last["llm.input_messages.2.message.tool_call_id"] == "call_1"
    call = "llm.output_messages.0.message.tool_calls.1.tool_call"
    assert first[f"{call}.function.name"] == "population"
    assert json.loads(first[f"{call}.function.arguments"]) == {"city": "Oslo"}
    (tool,) = [s.attributes for s in given if s.attributes.get("tool.name") == "weather"]
    assert (tool["output.value"], tool["output.mime_type"]) == ("rain in Oslo", "text/plain")


def test_a_prompt_that_was_cut_still_has_messages(recipe: Callable[..., Any]) -> None:
    """What a limit has cut is JSON still; what is none, and odd messages, are left out."""
    openinference = recipe("openinference")
    mine = Tracing("mine")
    mine.configure(limits=Limits(value_bytes=200))
    with capture(mine) as trace, mine.span("chat") as span:
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute(ASKED, [{"role": "user", "content": "x" * 900}, {"role": "user"}])
        span.set_attribute(ANSWERED, "no JSON at all")
    attributes = openinference.named(trace.spans[0]).attributes
    assert attributes["llm.input_messages.0.message.role"] == "user"
    assert set(attributes["llm.input_messages.0.message.content"]) == {"x"}
    assert not [name for name in attributes if name.startswith("llm.output_messages")]
    assert dict(openinference.messages("p", '[1, {"parts": [{"type": "text"}]}]')) == {
        "p.1.message.role": "", "p.1.message.content": '[{"type": "text"}]',
    }  # fmt: skip


# --- frameworks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form, answer", [("run", "It rains."), ("streamed", "It |rains. ")])
def test_pydantic_ai(recipe: Callable[..., Any], form: str, answer: str) -> None:
    """Its models and tools, streamed or not; a tool that asks the model again is not red."""
    module = recipe("with_pydantic_ai", "pydantic_ai")
    with capture() as trace:
        assert asyncio.run(getattr(module, form)("How is Oslo?")) == answer
    assert trace.tree() == (
        "invoke_agent\n  chat\n  execute_tool\n  execute_tool\n  chat\n  execute_tool\n  chat"
    )
    assert failed(trace) == []
    *_, last = by_name(trace, "chat")
    assert last.attributes["gen_ai.request.model"] == "fake-1"
    assert last.attributes[IN] > 0 < last.attributes[OUT]
    assert parsed(last, ASKED)[0]["parts"][0]["content"] == "How is Oslo?"
    assert "rains." in parsed(last, ANSWERED)[0]["parts"][0]["content"]
    asked_again, population, weather = by_name(trace, "execute_tool")
    assert RESULT not in asked_again.attributes
    assert population.attributes[RESULT] == 717_710
    assert weather.attributes[RESULT] == "rain in Oslo, Norway"


def test_openai_agents(recipe: Callable[..., Any]) -> None:
    """Agents, turns, calls and tools nest, and what a tool does is inside its span."""
    module = recipe("with_openai_agents", "agents")
    with capture() as trace:
        assert asyncio.run(module.run("How is Oslo?")) == "It rains."
    assert trace.tree() == (
        "Agent workflow\n  invoke_agent\n    turn\n      chat\n      execute_tool\n"
        "        look_up\n      execute_tool\n    turn\n      chat"
    )
    assert failed(trace) == []
    assert [span.attributes["turn"] for span in by_name(trace, "turn")] == [1, 2]
    first, last = by_name(trace, "chat")
    assert (last.attributes["gen_ai.request.model"], last.attributes[IN]) == ("fake-1", 9)
    assert parsed(first, ASKED) == [{"content": "How is Oslo?", "role": "user"}]
    weather, population = by_name(trace, "execute_tool")
    assert (parsed(weather, ARGUMENTS), weather.attributes[RESULT]) == (
        {"city": "Oslo"}, "rain in Oslo",
    )  # fmt: skip
    assert tracing.current_invocation() is None


def test_openai_agents_that_fail(
    recipe: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exception is the program's; every span has ended, and nothing is current."""
    module = recipe("with_openai_agents", "agents")

    async def broken(city: str) -> str:
        raise LookupError(city)

    monkeypatch.setattr(module, "look_up", broken)
    monkeypatch.setattr(module.weather, "_failure_error_function", None, raising=False)
    with capture() as trace:
        asyncio.run(module.run("How is Oslo?"))
    assert "execute_tool" in failed(trace)
    assert all(span.outcome != "abandoned" for span in trace.spans)
    assert tracing.current_span().context.span_id == 0


def test_langchain(recipe: Callable[..., Any]) -> None:
    """Runs nest as LangChain nests them; of the parallel tools, the one that failed is red."""
    module = recipe("with_langchain", "langchain_core")
    with capture() as trace:
        assert asyncio.run(module.run("How is Oslo?")) == "It rains."
    names = {span.context.span_id: span.name for span in trace.spans}
    assert {(span.name, names.get(span.parent_span_id or 0)) for span in trace.spans} == {
        ("geographer", None),
        ("chat", "geographer"),
        ("name", "geographer"),
        ("pick", "geographer"),
        ("RunnableParallel<weather,population>", "geographer"),
        ("execute_tool", "RunnableParallel<weather,population>"),
        ("RunnableWithFallbacks", "RunnableParallel<weather,population>"),
        ("RunnableLambda", "RunnableParallel<weather,population>"),
    }
    assert failed(trace) == ["execute_tool"]
    first, last = by_name(trace, "chat")
    assert (first.attributes[IN], first.attributes[OUT]) == (9, 4)
    assert parsed(last, ASKED) == [{"role": "user", "content": "rain in Oslo"}]
    assert parsed(last, ANSWERED) == [{"role": "assistant", "content": "It rains."}]
    tools = {
        str(span.attributes["gen_ai.tool.name"]): span for span in by_name(trace, "execute_tool")
    }
    assert tools["weather"].attributes[RESULT] == "rain in Oslo"
    assert tools["population"].status_description == "Oslo is not in the census"


def test_litellm(recipe: Callable[..., Any]) -> None:
    """Calls, one that is made again, and a stream."""
    module = recipe("with_litellm", "litellm")
    with capture() as trace:
        answer = asyncio.run(module.run("How is Oslo?"))
    assert answer == "It rains in Oslo, as it often does."
    assert trace.tree() == "invoke_agent\n  chat\n  chat\n  chat"
    assert failed(trace) == []
    busy, called, streamed = by_name(trace, "chat")
    assert (busy.outcome, ANSWERED in busy.attributes) == ("ok", False)
    assert called.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert called.attributes[IN] > 0 < called.attributes[OUT]
    assert parsed(called, ANSWERED)[0]["content"] == "It rains."
    assert parsed(streamed, ANSWERED) == [{"role": "assistant", "content": answer}]
    assert [event.name for event in streamed.events] == ["first item"]


def test_a_public_instrumentation_of_a_framework_leaves_it_working(
    recipe: Callable[..., Any],
) -> None:
    """All that langchain_core shows to others, and an account of the rest."""
    module = recipe("with_langchain", "langchain_core")
    with tracing.instrument("langchain_core.runnables:public") as found, capture():
        assert asyncio.run(module.run("How is Oslo?")) == "It rains."
    assert len(found.wrapped) > 50
    assert "it is not public" in found.skipped.values()
    assert not [name for name in found.wrapped if name.rpartition(".")[2].startswith("_")]
