"""The FAQ as tools of an agent: the Model Context Protocol, over streamable HTTP and over standard input and output.

The `mcp` package, and not Gradio's own MCP server: that one offers the page's endpoints as tools, without output
schemas and only while the page is served; here an agent gets structured results, and can start the server itself.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import anyio
import anyio.to_thread
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field

from rag_faq.errors import RagFaqError
from rag_faq.interfaces.http.access import host_names
from rag_faq.interfaces.http.app import Mount, Mounted
from rag_faq.interfaces.http.schemas import CitationShown, EntryShown, HitShown, RelatedShown, SourceShown
from rag_faq.interfaces.questions import Questions
from rag_faq.interfaces.wire import MOST_HITS, answer_json, entry_json, hits_json
from rag_faq.records import Answer, Outcome
from rag_faq.settings import Settings

if TYPE_CHECKING:
    from rag_faq.chatbot import FaqChatbot

T = TypeVar("T")

PATH = "/mcp"
_AT_ONCE = 4  # calls that are worked on; the model itself takes one after the other
_STDIO_WAITING = 1000  # one client: it decides itself how much it asks
_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)

_INSTRUCTIONS = (
    "This server knows one FAQ and nothing else. For a question that the FAQ may answer, call ask_faq once with the "
    "whole question in plain words and give its answer on with the [n] marks and the sources: every sentence of it "
    "was checked against the FAQ. An outcome of `refused` means that the FAQ does not say; do not fill that gap from "
    "elsewhere as if the FAQ had said it. search_faq finds entries to read yourself; get_entry gives one in full."
)
_ASK = (
    "Answer a question from the FAQ, with a citation for each sentence. Give the question as the person asked it. "
    "Where it only makes sense after earlier messages (“and how is it avoided?”), give these as `history` and do not "
    "rewrite the question. The answer's [n] mark the source that bears out the sentence before it. `outcome`: "
    "`grounded` (written from the sources and checked), `verbatim` (the FAQ's own words), `refused` (the FAQ does not "
    "answer this; `related` names the nearest questions). Takes seconds."
)
_SEARCH = (
    "Find the FAQ's entries that come nearest to a question or to words, best first, with the text of each that "
    "matched best. Nothing is judged: something is found for any query. Use it to see what the FAQ covers; use ask_faq "
    "for an answer, and get_entry for the whole text of an entry."
)
_ENTRY = (
    "The whole text of an entry of the FAQ by its number, as it stands in the document. Numbers come from the `entry` "
    "fields of ask_faq and search_faq; several documents may each have an entry of that number."
)


class Turn(BaseModel):
    """One message of the conversation so far."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["user", "assistant"]
    content: str


class FaqAnswer(BaseModel):
    """An answer. `answer[start:end]` of a citation is the sentence that its quote bears out."""

    answer: str = Field(description="With [n] after each sentence that source n bears out.")
    outcome: Outcome
    citations: list[CitationShown]
    sources: list[SourceShown]
    related: list[RelatedShown] = Field(description="Of a refusal: the questions that come nearest.")
    searched: str = Field(description="The question that was searched for, as it was understood.")
    note: str = Field(description="Why the outcome is what it is, where one would ask.")


class FaqHits(BaseModel):
    """What a search gave, best first."""

    searched: str
    hits: list[HitShown]


class FaqEntries(BaseModel):
    """The entries of one number: one, or one a document."""

    entries: list[EntryShown]


class _Turns:
    """Calls that are worked on in threads, a few at a time."""

    def __init__(self, chatbot: Callable[[], FaqChatbot], most_waiting: int) -> None:
        self._chatbot = chatbot
        self._most = _AT_ONCE + most_waiting
        self._limit = anyio.CapacityLimiter(_AT_ONCE)
        self._inside = 0

    def check(self) -> None:
        """ToolError when no further call is taken in at present."""
        if self._inside >= self._most:
            raise ToolError("Too many questions are waiting. Ask again in a while.")

    async def run(self, work: Callable[[FaqChatbot, Event], T]) -> T:
        """What `work` gives; a caller who leaves sets its flag. ToolError says why there is nothing."""
        self.check()
        cancel = Event()
        self._inside += 1
        try:
            return await anyio.to_thread.run_sync(
                lambda: work(self._chatbot(), cancel), limiter=self._limit, abandon_on_cancel=True
            )
        except RagFaqError as error:
            raise ToolError(str(error)) from error
        finally:
            cancel.set()
            self._inside -= 1


def make_mcp(
    chatbot: Callable[[], FaqChatbot], most_waiting: int = 32, questions: Questions | None = None
) -> MCPServer:
    """The server of the three tools. `chatbot` is called, in a thread, at every call of a tool.

    More than `most_waiting` calls that wait for their turn are told to come back. `questions` counts and keeps what is
    asked; without it nothing is kept.
    """
    questions = questions or Questions()
    server = MCPServer("rag-faq", title="FAQ", instructions=_INSTRUCTIONS, log_level="WARNING")
    turns = _Turns(chatbot, most_waiting)

    @server.tool(title="Ask the FAQ", description=_ASK, annotations=_READS)
    async def ask_faq(
        question: Annotated[str, Field(description="The question, in plain words, in any language.")],
        history: Annotated[list[Turn] | None, Field(description="The conversation so far, oldest first.")] = None,
    ) -> Annotated[CallToolResult, FaqAnswer]:
        earlier = tuple((turn.role, turn.content) for turn in history or ())
        turns.check()  # a call that is turned away is no question
        with questions.take_in("mcp") as inquiry:
            given = await turns.run(lambda bot, cancel: inquiry.answer(bot.stream(question, earlier, cancel)))
        answer = given.answer
        shown = FaqAnswer.model_validate(answer_json(answer))
        return _result(answer_text(answer), shown)

    @server.tool(title="Search the FAQ", description=_SEARCH, annotations=_READS)
    async def search_faq(
        query: Annotated[str, Field(description="A question, or words.", min_length=1)],
        limit: Annotated[int, Field(description="The most entries to give.", ge=1, le=MOST_HITS)] = 5,
    ) -> Annotated[CallToolResult, FaqHits]:
        def find(bot: FaqChatbot, _: Event) -> FaqHits:
            most = bot.options.max_question_chars
            if len(query) > most:
                raise ToolError(f"The query is {len(query):,} characters long; the most is {most:,}.")
            return FaqHits.model_validate(hits_json(*bot.find(query), limit))

        found = await turns.run(find)
        lines = [f"{hit.rank}. Entry {hit.entry}: {hit.question}\n{hit.matched}" for hit in found.hits]
        return _result("\n\n".join(lines) or "Nothing was found: the query has no words to look for.", found)

    @server.tool(title="Read an entry of the FAQ", description=_ENTRY, annotations=_READS)
    async def get_entry(
        number: Annotated[int, Field(description="The FAQ's own number of the entry.", ge=0)],
    ) -> Annotated[CallToolResult, FaqEntries]:
        every = await turns.run(lambda bot, _: bot.entries)
        found = [entry for entry in every if entry.number == number]
        if not found:
            known = [entry.number for entry in every]
            raise ToolError(f"The FAQ has no entry {number}: its numbers go from {min(known)} to {max(known)}.")
        text = "\n\n".join(f"{entry.number}. {entry.question}\n\n{entry.answer}" for entry in found)
        return _result(text, FaqEntries.model_validate({"entries": [entry_json(entry) for entry in found]}))

    return server


def answer_text(answer: Answer) -> str:
    """The answer, and under it the sources that it cites, for people and agents that read no structure."""
    cited = {citation.number for citation in answer.citations}
    lines = [
        f"[{source.number}] FAQ entry {source.entry.number}: {source.entry.question} "
        f"({source.entry.source}, lines {source.entry.lines[0]}-{source.entry.lines[1]})"
        for source in answer.sources
        if source.number in cited
    ]
    return "\n\n".join([answer.text, *(["Sources:\n" + "\n".join(lines)] if lines else [])])


def mcp_mount(settings: Settings) -> Mount:
    """The tools over streamable HTTP, for the web app's `Parts.mounts`."""

    def mount(chatbot: FaqChatbot, questions: Questions) -> Mounted:
        # No sessions: every request stands by itself, so nothing is kept for clients that never say goodbye.
        app = make_mcp(lambda: chatbot, settings.max_waiting, questions).streamable_http_app(
            streamable_http_path=PATH,
            stateless_http=True,
            max_request_body_size=settings.max_request_kb * 1024,
            transport_security=_security(settings),
        )
        return Mounted(PATH, app, lambda: app.router.lifespan_context(app))

    return mount


def run_stdio(load: Callable[[], FaqChatbot], questions: Questions | None = None) -> None:
    """Serve over standard input and output until the client closes them. `questions` keeps what is asked.

    The client is answered at once; `load` goes on meanwhile, and the first call of a tool waits for it. What keeps
    the chatbot from being loaded is what every call is answered with.
    """
    questions = questions or Questions()
    with ThreadPoolExecutor(1, thread_name_prefix="rag-faq load") as pool:
        loading = pool.submit(load)
        try:
            make_mcp(loading.result, _STDIO_WAITING, questions).run("stdio")
        finally:
            if not loading.cancel() and loading.exception() is None:
                loading.result().close()
            questions.close()


def _result(text: str, shown: BaseModel) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=shown.model_dump(mode="json")
    )


def _security(settings: Settings) -> TransportSecuritySettings:
    """The same names as at the other doors; a page of another site is turned away by its `Origin`."""
    names = host_names(settings)
    if names is None:
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    hosts = sorted(f"[{name}]" if ":" in name else name for name in names)
    origins = [f"{scheme}://{host}{port}" for host in hosts for scheme in ("http", "https") for port in ("", ":*")]
    return TransportSecuritySettings(
        allowed_hosts=[f"{host}{port}" for host in hosts for port in ("", ":*")],
        allowed_origins=[*origins, *settings.allowed_origins],
    )
