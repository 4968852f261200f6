"""openai-agents: a processor of its traces that opens our spans, so that agents and turns nest.

`agents.set_trace_processors([Processor()])` replaces the one that sends everything to OpenAI;
`agents.add_trace_processor(Processor())` keeps it. What a tool does is inside its span.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from threading import Lock
from typing import Any

import agents
from agents.items import ModelResponse
from agents.tracing import TracingProcessor
from agents.usage import Usage
from enterspan import InvocationScope, Span, UseScope, traced, tracing
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

import spans


@dataclass
class Open:
    """A span of ours for one of theirs, and the block in which it is current."""

    span: Span
    block: UseScope


class Processor(TracingProcessor):
    """Opens a span for each of theirs, and an invocation for each trace."""

    def __init__(self) -> None:
        self._traces: dict[str, InvocationScope] = {}
        self._open: dict[str, Open] = {}
        self._lock = Lock()

    def on_trace_start(self, trace: Any) -> None:
        """Begin an invocation: it is current where the trace was begun."""
        scope = tracing.invocation(trace.name, linger=5)
        scope.__enter__()
        with self._lock:
            self._traces[trace.trace_id] = scope

    def on_trace_end(self, trace: Any) -> None:
        """End it."""
        with self._lock:
            scope = self._traces.pop(trace.trace_id, None)
        if scope is not None:
            scope.__exit__(None, None, None)

    def on_span_start(self, span: Any) -> None:
        """Open a span under that of the parent, and make it current for what is called inside."""
        if span.span_data.type == "task":
            return  # the invocation is that
        parent = self._open.get(span.parent_id or "")
        if parent is None:
            made = started(span.span_data)
        else:
            with tracing.use_span(parent.span):
                made = started(span.span_data)
        block = tracing.use_span(made)
        block.__enter__()
        with self._lock:
            self._open[span.span_id] = Open(made, block)

    def on_span_end(self, span: Any) -> None:
        """End it, with what is known by now."""
        with self._lock:
            found = self._open.pop(span.span_id, None)
        if found is None:
            return
        found.span.set_attributes(results(span.span_data))
        if span.error:
            found.span.set_status("error", span.error["message"])
        found.block.__exit__(None, None, None)
        found.span.end()

    def shutdown(self) -> None:
        """Nothing is kept here."""

    def force_flush(self) -> None:
        """Deliver what is finished."""
        tracing.flush()


def started(data: Any) -> Span:
    """A span for what has begun."""
    match data.type:
        case "agent":
            return spans.invoke_agent.start_span(agent=data.name)
        case "turn":
            return spans.turn.start_span(agent=data.agent_name, turn=data.turn)
        case "generation" | "response":
            return spans.chat.start_span(model=getattr(data, "model", None) or "?")
        case "function":
            return spans.execute_tool.start_span(tool=data.name)
        case other:
            return tracing.start_span(getattr(data, "name", None) or other)


def results(data: Any) -> dict[str, Any]:
    """What is known of it at its end."""
    if data.type == "function":
        return {
            "gen_ai.tool.call.arguments": data.input,
            "gen_ai.tool.call.result": data.output,
        }
    if data.type not in ("generation", "response"):
        return {}
    response = getattr(data, "response", None)
    usage = data.usage or {}
    return {
        "gen_ai.request.model": response.model if response else getattr(data, "model", None),
        "gen_ai.input.messages": data.input,
        "gen_ai.output.messages": response.output if response else getattr(data, "output", None),
        "gen_ai.usage.input_tokens": usage.get("input_tokens"),
        "gen_ai.usage.output_tokens": usage.get("output_tokens"),
    }


# --- an agent to try it with ----------------------------------------------------------------------


class Fake(agents.Model):
    """A model that asks for two tools, and then answers."""

    async def get_response(
        self,
        system_instructions: Any,
        input: Any,  # noqa: A002 - its name there
        *args: Any,
        **options: Any,
    ) -> ModelResponse:
        asked = input
        usage = Usage(requests=1, input_tokens=9, output_tokens=4, total_tokens=13)
        with agents.generation_span(
            input=agents.ItemHelpers.input_to_new_input_list(asked)
        ) as span:
            output: list[Any]
            if isinstance(asked, str) or len(asked) == 1:
                output = [
                    ResponseFunctionToolCall(
                        name=name,
                        arguments='{"city": "Oslo"}',
                        call_id=f"call_{name}",
                        type="function_call",
                    )
                    for name in ("weather", "population")
                ]
            else:
                text = ResponseOutputText(text="It rains.", annotations=[], type="output_text")
                output = [
                    ResponseOutputMessage(
                        id="m1",
                        content=[text],
                        role="assistant",
                        status="completed",
                        type="message",
                    )
                ]
            span.span_data.model = "fake-1"
            span.span_data.output = [item.model_dump() for item in output]
            span.span_data.usage = {"input_tokens": 9, "output_tokens": 4}
        return ModelResponse(output=output, usage=usage, response_id=None)

    def stream_response(self, *args: Any, **options: Any) -> Any:
        raise NotImplementedError


@traced
async def look_up(city: str) -> str:
    await asyncio.sleep(0.01)
    return f"rain in {city}"


@agents.function_tool
async def weather(city: str) -> str:
    """The weather of a city."""
    return await look_up(city)


@agents.function_tool(failure_error_function=None)
async def population(city: str) -> int:
    """How many people live in a city."""
    await asyncio.sleep(0.01)
    return 717_710


agents.set_trace_processors([Processor()])
agent = agents.Agent(name="geographer", model=Fake(), tools=[weather, population])


async def run(question: str) -> str:
    """Answer a question."""
    result = await agents.Runner.run(agent, question)
    return str(result.final_output)


if __name__ == "__main__":
    print(asyncio.run(run("How is Oslo?")))
