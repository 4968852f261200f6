"""LangChain and LangGraph: a handler of their callbacks that opens our spans.

`graph.invoke(..., config={"callbacks": [Handler()]})`. Callbacks come one by one, not around what
is called: a run is the child of its parent by their ids, and what a tool does is not inside of its
span, unless the tool opens one itself (`@spans.execute_tool.traced`).
"""

from __future__ import annotations

import asyncio
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from enterspan import tracing
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, convert_to_openai_messages
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool

import spans

if TYPE_CHECKING:
    from uuid import UUID

    from enterspan import Span


class Handler(BaseCallbackHandler):
    """Opens and ends a span for each run."""

    run_inline = True  # where the run is, not in a thread beside it

    def __init__(self) -> None:
        self._open: dict[UUID, Span] = {}

    def _start(self, run_id: UUID, parent_run_id: UUID | None, start: Any, **given: Any) -> None:
        parent = self._open.get(parent_run_id) if parent_run_id else None
        with tracing.use_span(parent or tracing.current_span()):
            self._open[run_id] = start(**given)

    def _end(self, run_id: UUID, **attributes: Any) -> None:
        span = self._open.pop(run_id, None)
        if span is not None:
            span.set_attributes(attributes).end()

    def _fail(self, run_id: UUID, error: BaseException) -> None:
        span = self._open.pop(run_id, None)
        if span is not None:
            span.record_exception(error).set_status("error", str(error)).end()

    def on_chain_start(self, serialized: Any, inputs: Any, **run: Any) -> None:
        """Begin a chain, or a step of a graph."""
        name = run.get("name") or "chain"
        self._start(run["run_id"], run["parent_run_id"], lambda: tracing.start_span(name))

    def on_chat_model_start(self, serialized: Any, messages: Any, **run: Any) -> None:
        """Begin a call of a model."""
        given = run.get("invocation_params") or {}
        self._start(
            run["run_id"],
            run["parent_run_id"],
            spans.chat.start_span,
            model=str(given.get("model") or given.get("model_name") or given.get("_type")),
            provider=(run.get("metadata") or {}).get("ls_provider"),
            messages=convert_to_openai_messages(messages[0]),
        )

    def on_tool_start(self, serialized: Any, input_str: str, **run: Any) -> None:
        """Begin a call of a tool."""
        self._start(
            run["run_id"],
            run["parent_run_id"],
            spans.execute_tool.start_span,
            tool=run.get("name") or serialized["name"],
            arguments=run.get("inputs") or input_str,
        )

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **run: Any) -> None:
        """End it."""
        self._end(run_id)

    def on_llm_end(self, response: Any, *, run_id: UUID, **run: Any) -> None:
        """End it, with the answer and what it has cost."""
        message = response.generations[0][0].message
        usage = message.usage_metadata or {}
        self._end(
            run_id,
            **{
                "gen_ai.output.messages": [convert_to_openai_messages(message)],
                "gen_ai.usage.input_tokens": usage.get("input_tokens"),
                "gen_ai.usage.output_tokens": usage.get("output_tokens"),
            },
        )

    def on_tool_end(self, output: Any, *, run_id: UUID, **run: Any) -> None:
        """End it, with the result."""
        self._end(run_id, **{"gen_ai.tool.call.result": getattr(output, "content", output)})

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **run: Any) -> None:
        """End it as failed."""
        self._fail(run_id, error)

    on_llm_error = on_tool_error = on_chain_error


# --- a chain to try it with -----------------------------------------------------------------------

USAGE: Any = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}


@tool
async def weather(city: str) -> str:
    """The weather of a city."""
    await asyncio.sleep(0.01)
    return f"rain in {city}"


@tool
async def population(city: str) -> str:
    """How many people live in a city."""
    raise LookupError(f"{city} is not in the census")


async def run(question: str) -> str:
    """Answer a question."""
    model = FakeMessagesListChatModel(
        responses=[
            AIMessage("Oslo", usage_metadata=USAGE),
            AIMessage("It rains.", usage_metadata=USAGE),
        ]
    )
    no_census = RunnableLambda(lambda _: "nobody")
    facts = RunnableParallel(weather=weather, population=population.with_fallbacks([no_census]))
    name = RunnableLambda(lambda message: {"city": message.content}, name="name")
    chain = model | name | facts | RunnableLambda(itemgetter("weather"), name="pick") | model
    answer = await chain.ainvoke(
        question, config={"callbacks": [Handler()], "run_name": "geographer"}
    )
    return str(answer.content)


if __name__ == "__main__":
    print(asyncio.run(run("How is Oslo?")))
