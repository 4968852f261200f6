"""pydantic-ai: a model and a toolset that open our spans around those that do the work.

`Agent(TracedModel("openai:gpt-5"), toolsets=[TracedTools(tools)])`, and a block around a run.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from enterspan import tracing
from pydantic_ai import Agent, FunctionToolset, ModelRetry
from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import DeltaToolCall, FunctionModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.toolsets import WrapperToolset

import spans

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

tracing.configure(expected="pydantic_ai.ModelRetry")  # the model is asked again: no failure


def plain(messages: Any) -> Any:
    """Messages as plain values, in pydantic-ai's own form."""
    return ModelMessagesTypeAdapter.dump_python(messages, mode="json")


def answered(span: Any, response: ModelResponse) -> None:
    """Record what a model has answered."""
    span.set_attributes(
        {
            "gen_ai.output.messages": plain([response]),
            "gen_ai.response.model": response.model_name,
            "gen_ai.usage.input_tokens": response.usage.input_tokens,
            "gen_ai.usage.output_tokens": response.usage.output_tokens,
        }
    )


class TracedModel(WrapperModel):
    """A model whose calls are spans."""

    async def request(self, messages: Any, *args: Any) -> ModelResponse:
        """Call the model."""
        with spans.chat(
            model=self.model_name, provider=self.system, messages=plain(messages)
        ) as span:
            response = await super().request(messages, *args)
            answered(span, response)
        return response

    @asynccontextmanager
    async def request_stream(self, messages: Any, *args: Any, **options: Any) -> AsyncIterator[Any]:
        """Call the model; the span ends when its answer has been read, or is left."""
        with spans.chat(
            model=self.model_name, provider=self.system, messages=plain(messages)
        ) as span:
            async with super().request_stream(messages, *args, **options) as stream:
                try:
                    yield stream
                finally:
                    answered(span, stream.get())


class TracedTools(WrapperToolset[Any]):
    """Tools whose calls are spans."""

    async def call_tool(self, name: str, tool_args: dict[str, Any], ctx: Any, tool: Any) -> Any:
        """Call a tool."""
        with spans.execute_tool(tool=name, call_id=ctx.tool_call_id, arguments=tool_args) as span:
            result = await super().call_tool(name, tool_args, ctx, tool)
            span.set_attribute("gen_ai.tool.call.result", result)
        return result


# --- an agent to try it with ----------------------------------------------------------------------

tools: FunctionToolset[Any] = FunctionToolset()
tried: list[str] = []


@tools.tool_plain
async def weather(city: str) -> str:
    if not tried:
        tried.append(city)
        raise ModelRetry("which Oslo?")
    return f"rain in {city}"


@tools.tool_plain
async def population(city: str) -> int:
    return 717_710


def fake(messages: list[Any], info: Any) -> ModelResponse:
    """Answer, or ask for tools first."""
    *_, last = messages
    given = [str(part.content) for part in last.parts if part.part_kind != "user-prompt"]
    if not given:
        return ModelResponse(
            [
                ToolCallPart("weather", {"city": "Oslo"}),
                ToolCallPart("population", {"city": "Oslo"}),
            ]
        )
    if any("which Oslo?" in text for text in given):
        return ModelResponse([ToolCallPart("weather", {"city": "Oslo, Norway"})])
    return ModelResponse([TextPart("It rains.")])


async def fake_stream(messages: list[Any], info: Any) -> AsyncIterator[Any]:
    response = fake(messages, info)
    for at, part in enumerate(response.parts):
        if isinstance(part, ToolCallPart):
            yield {at: DeltaToolCall(part.tool_name, part.args_as_json_str())}
        elif isinstance(part, TextPart):
            for word in part.content.split(" "):
                yield word + " "


agent = Agent(
    TracedModel(FunctionModel(fake, stream_function=fake_stream, model_name="fake-1")),
    name="geographer",
    toolsets=[TracedTools(tools)],
)


async def run(question: str) -> str:
    """Answer a question."""
    asked = [{"role": "user", "content": question}]
    with spans.invoke_agent(agent="geographer", messages=asked) as span:
        result = await agent.run(question)
        span.set_attribute("gen_ai.output.messages", plain(result.new_messages())[-1:])
    return result.output


async def streamed(question: str) -> str:
    """The same, piece by piece."""
    with spans.invoke_agent(agent="geographer"):
        async with agent.run_stream(question) as result:
            return "|".join(
                [text async for text in result.stream_text(delta=True, debounce_by=None)]
            )


if __name__ == "__main__":
    print(asyncio.run(run("How is Oslo?")))
