"""A real HTTP server that speaks the OpenAI chat protocol, faults included."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Fault:
    """What a request gets instead of an answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drop: bool = False


@dataclass
class ChatServer:
    """Answers the last message with `answer(text)`, after the faults that are queued."""

    answer: Callable[[str], str] = "/v3/query?q={}".format
    faults: list[Fault] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    times: list[float] = field(default_factory=list)
    url: str = ""
    most_at_once: int = 0
    pause_s: float = 0.0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        with self._lock:
            self.requests.append(body)
            self.times.append(time.monotonic())
            self.keys.add(handler.headers.get("Authorization", ""))
            fault = self.faults.pop(0) if self.faults else None
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        time.sleep(fault.delay_s if fault else self.pause_s)
        with self._lock:
            self._now -= 1
        if fault and fault.drop:
            handler.close_connection = True
            return
        if fault and fault.status != 200:
            send(handler, fault.status, {"error": {"message": f"fault {fault.status}"}}, fault.headers)
            return
        text = self.answer(body["messages"][-1]["content"])
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        document = {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"], "usage": usage}
        send(handler, 200, {**document, "choices": [choice]}, {})


def send(handler: BaseHTTPRequestHandler, status: int, document: Any, headers: dict[str, str]) -> None:
    content = json.dumps(document).encode()
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


@contextmanager
def serve(chat: ChatServer) -> Iterator[ChatServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/v1/chat/completions":
                chat.reply(self, body)
            else:
                send(self, 404, {"error": {"message": f"no {self.path}"}}, {})

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    chat.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
