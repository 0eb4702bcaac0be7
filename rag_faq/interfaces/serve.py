"""Starting the web server."""

from __future__ import annotations

import socket
import sys

from rag_faq.errors import ServeError
from rag_faq.settings import Settings


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
    """Load everything, open the page, and stay until interrupted."""
    port = free_port(settings.host, settings.port)
    from rag_faq.assembly import load_chatbot
    from rag_faq.interfaces.gradio_app import launch

    chatbot = load_chatbot(settings)
    chatbot.warm()
    sys.stderr.write(f"rag-faq: {len(chatbot.entries)} entries, {chatbot.model.name} on {chatbot.model.device}\n")
    try:
        launch(chatbot, settings, port)
    finally:
        chatbot.close()
