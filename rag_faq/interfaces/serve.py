"""Starting the web server."""

from __future__ import annotations

import logging
import socket
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from rag_faq.errors import ServeError
from rag_faq.settings import Settings

if TYPE_CHECKING:
    from rag_faq.chatbot import FaqChatbot
    from rag_faq.interfaces.http.app import Mounted
    from rag_faq.interfaces.questions import Questions

log = logging.getLogger(__name__)


def free_port(host: str, port: int) -> int:
    """`port`, if the server can have it. Raises ServeError when it is taken or the address is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServeError(
                f"The address {host}:{port} cannot be used: {error.strerror}",
                mend="rag-faq serve --port 0   (takes a free port), or stop the program that has it",
            ) from error
        return int(probe.getsockname()[1])


def serve(settings: Settings) -> None:
    """Open the doors, load everything behind them, and stay until interrupted.

    Raises what keeps the chatbot from being loaded.
    """
    port = free_port(settings.host, settings.port)
    from rag_faq.interfaces.http.app import Parts, make_app, page_mount
    from rag_faq.interfaces.http.server import make_server

    loaded: list[FaqChatbot] = []
    failures: list[BaseException] = []

    def load() -> FaqChatbot:
        from rag_faq.assembly import load_chatbot

        chatbot = load_chatbot(settings)
        loaded.append(chatbot)
        chatbot.warm()
        sys.stderr.write(f"rag-faq: {len(chatbot.entries)} entries, {chatbot.model.name} on {chatbot.model.device}\n")
        return chatbot

    def tools(chatbot: FaqChatbot, questions: Questions) -> Mounted:
        from rag_faq.interfaces.mcp_server import mcp_mount

        return mcp_mount(settings)(chatbot, questions)

    def failed(error: BaseException) -> None:
        failures.append(error)
        server.should_exit = True

    if settings.log_questions:
        _show_questions()
    parts = Parts(load, (page_mount(settings), tools) if has_mcp() else (page_mount(settings),), failed)
    server = make_server(make_app(settings, parts), settings, port)
    try:
        with suppress(KeyboardInterrupt):  # uvicorn hands it on once everything is closed
            server.run()
    finally:
        for chatbot in loaded:
            chatbot.close()
    for error in failures:
        raise error


def has_mcp() -> bool:
    """Whether the tools for agents can be served: a Gradio Space has mcp 1, which Gradio's extra asks for there."""
    try:
        installed = version("mcp")
    except PackageNotFoundError:
        installed = "0"
    if int(installed.split(".")[0]) >= 2:
        return True
    log.warning("no tools for agents (MCP): they want mcp 2, and mcp %s is installed", installed)
    return False


def _show_questions() -> None:
    """Write the log of questions to standard error, whatever else is shown of the log."""
    shown = logging.getLogger("rag_faq.questions")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("rag-faq: %(message)s"))
    shown.addHandler(handler)
    shown.setLevel(logging.INFO)
    shown.propagate = False
