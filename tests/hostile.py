"""Servers that nobody should trust: they answer whatever bytes they are told to, at whatever pace."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class HostileServer:
    """Sends one of `answers` (raw HTTP) to each connection, the last one for ever; `calls` holds what was received."""

    answers: Sequence[bytes | Callable[[socket.socket], None]]
    calls: list[bytes] = field(default_factory=list)
    url: str = ""

    def reply(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            self.calls.append(_received(client))
            answer = self.answers[min(len(self.calls), len(self.answers)) - 1]
            if callable(answer):
                answer(client)
            else:
                client.sendall(answer)


def http(body: bytes | str, status: str = "200 OK", content_type: str = "application/json", headers: str = "") -> bytes:
    """A whole answer that closes the connection."""
    content = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n{headers}"
    return f"{head}Connection: close\r\n\r\n".encode() + content


@contextmanager
def hostile(*answers: bytes | Callable[[socket.socket], None]) -> Iterator[HostileServer]:
    server = HostileServer(answers)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        server.url = f"http://127.0.0.1:{listening.getsockname()[1]}"

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    client.settimeout(10)
                    threading.Thread(target=server.reply, args=(client,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server


def _received(client: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        content += client.recv(65_536)
    head, _, body = content.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += client.recv(65_536)
    return head + b"\r\n\r\n" + body
