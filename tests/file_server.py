"""A server of one file on this machine that misbehaves as told, and zip files to serve."""

import io
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def zipped(*members, compression=zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of (name or ZipInfo, content)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return stream.getvalue()


class Server(ThreadingHTTPServer):
    """Serves `content`; `moods` are what it does with one request each, then it is good.

    cut: half of what is left, then the line is dead; ignore: Range is ignored; a number: that
    status (302 leads here again); stall: half, then silence.
    """

    daemon_threads = True

    def handle_error(self, *_):
        pass  # whoever hangs up is the one tested

    def __init__(self, content: bytes, *moods) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.moods, self.asked = content, list(moods), []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/a"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        mood = server.moods.pop(0) if server.moods else "good"
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if isinstance(mood, int):
            self.send_response(mood)
            self.send_header("Content-Length", "0")
            self.send_header("Retry-After", "0")
            if mood == 302:
                self.send_header("Location", server.url)
            self.end_headers()
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and mood != "ignore" else 0
        left = server.content[start:]
        if start and not left:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            end = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        if mood == "unsized":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(left)))
        self.end_headers()
        self.wfile.write(left[: len(left) // 2] if mood in ("cut", "stall") else left)
        self.wfile.flush()
        if mood == "stall":
            server.over.wait(10)
        self.close_connection = mood in ("cut", "unsized", "stall")

    def log_message(self, *_):
        pass


@contextmanager
def serving(content: bytes, *moods) -> Iterator[Server]:
    """A server at work, stopped at the end."""
    server = Server(content, *moods)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
