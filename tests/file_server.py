"""A local server of one file with faults on demand, and zip files to serve."""

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
    """Serves `content`. Each of `faults` spoils one request; later ones succeed.

    cut: sends half of the rest, then closes; ignore: ignores Range; a number: answers with that
    status (302 leads here again); stall: sends half, then nothing; unsized: no Content-Length.
    `ranges` holds the Range header of every request.
    """

    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that hangs up is what is tested

    def __init__(self, content: bytes, *faults) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.faults, self.ranges = content, list(faults), []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/a"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        fault = server.faults.pop(0) if server.faults else ""
        wanted = self.headers.get("Range")
        server.ranges.append(wanted)
        if isinstance(fault, int):
            self.send_response(fault)
            self.send_header("Content-Length", "0")
            self.send_header("Retry-After", "0")
            if fault == 302:
                self.send_header("Location", server.url)
            self.end_headers()
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and fault != "ignore" else 0
        left = server.content[start:]
        if start and not left:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            end = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        if fault == "unsized":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(left)))
        self.end_headers()
        self.wfile.write(left[: len(left) // 2] if fault in ("cut", "stall") else left)
        self.wfile.flush()
        if fault == "stall":
            server.over.wait(10)
        self.close_connection = fault in ("cut", "unsized", "stall")

    def log_message(self, *_):
        pass


@contextmanager
def serving(content: bytes, *faults) -> Iterator[Server]:
    """A running server, stopped at the end."""
    server = Server(content, *faults)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
