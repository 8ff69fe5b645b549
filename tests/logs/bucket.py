"""A bucket on this machine: as much of S3's protocol as reading logs needs, without signatures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class _Handler(BaseHTTPRequestHandler):
    """GET and HEAD of `/bucket/key`, with ranges, and lists of `/bucket?list-type=2&prefix=`."""

    objects: Mapping[str, bytes]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        name = unquote(url.path).strip("/")
        if name in self.objects:
            self._send_object(self.objects[name])
        elif "list-type" in parse_qs(url.query):
            self._send_list(name, {key: values[0] for key, values in parse_qs(url.query).items()})
        elif name and any(key.startswith(f"{name}/") for key in self.objects) and "/" not in name:
            self._send(200, b"")
        else:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def _send_object(self, content: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            self._send(200, content)
            return
        first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        self._send(206, content[first : last + 1], f"bytes {first}-{last}/{len(content)}")

    def _send_list(self, bucket: str, asked: Mapping[str, str]) -> None:
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        keys = [key.removeprefix(f"{bucket}/") for key in sorted(self.objects) if key.startswith(f"{bucket}/{prefix}")]
        deep = {key for key in keys if delimiter and delimiter in key[len(prefix) :]}
        folders = sorted({prefix + key[len(prefix) :].split(delimiter)[0] + delimiter for key in deep})
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[f'{bucket}/{key}'])}</Size>"
            "<LastModified>2025-03-04T10:00:00.000Z</LastModified></Contents>"
            for key in keys
            if key not in deep
        )
        found += "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in folders)
        count = f"<KeyCount>{found.count('<Key>') + len(folders)}</KeyCount><IsTruncated>false</IsTruncated>"
        body = f"<ListBucketResult><Name>{bucket}</Name>{count}{found}</ListBucketResult>"
        self._send(200, f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode())

    def _send(self, status: int, body: bytes, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Tue, 04 Mar 2025 10:00:00 GMT")
        self.send_header("ETag", '"0"')
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def bucket_server(objects: Mapping[str, bytes]) -> Iterator[str]:
    """Serves objects, by `bucket/key`, and gives the server's address."""
    handler = type("Handler", (_Handler,), {"objects": objects})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
