"""A service that does what its path says, and remembers which requests reached it."""

import http.server
import os
import resource
import signal
import socket
import sys
import threading
import time
import urllib.parse

SEEN = []
SOCKETS = []
HANGING = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            whole = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            while (line := self.rfile.readline()).strip():
                SEEN.append("after the body: " + line.decode().strip().lower())
            return whole
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def handle_any(self):
        path = self.path.split("?")[0]
        if path == "/seen":
            return self.answer(200, "\n".join(SEEN).encode())
        if path == "/port":
            return self.answer(200, str(self.client_address[1]).encode())
        SEEN.append(f"{self.command} {self.path}")
        while HANGING.is_set():
            time.sleep(0.05)
        if path == "/slow":
            time.sleep(float(self.path.split("?")[1]))
        if path == "/crash":
            os._exit(3)
        if path == "/exit":
            os._exit(int(self.path.split("?")[1]))
        if path == "/hang":
            HANGING.set()
        if path == "/headers":
            return self.answer(200, str(self.headers).encode(), Connection="X-Inner", X_Inner="1", Keep_Alive="timeout=9")
        if path == "/limit":
            return self.answer(200, str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]).encode())
        if path == "/variable":
            return self.answer(200, os.environ.get(self.path.split("?")[1], "unset").encode())
        if path == "/trace":
            return self.answer(500, b'{"message":"x\\n    at f (app.js:1)"}', Content_Type="application/json")
        if path == "/half":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        if path.startswith("/raw"):
            # Whatever the query says, byte by byte; what was sent is not read.
            self.wfile.write(urllib.parse.unquote_to_bytes(self.path.split("?")[1]))
            self.close_connection = path == "/raw-close"
            return None
        if path == "/forgets":
            # Says that the connection stays open, and closes it.
            self.answer(200, b"hello")
            self.close_connection = True
            return None
        if path == "/garbage":
            self.wfile.write(b"\x00\x01 no http\r\n\r\n")
            self.close_connection = True
            return None
        if path == "/stream":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in range(3):
                self.wfile.write(b"2\r\n%d\n\r\n" % piece)
                self.wfile.flush()
                time.sleep(0.2)
            self.wfile.write(b"0\r\n\r\n")
            return None
        if path == "/socket" and self.headers.get("Upgrade") == "echo":
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
            SOCKETS.append(self.connection)
            while data := self.connection.recv(1024):
                self.connection.sendall(data)
            self.close_connection = True
            return None
        if path == "/websocket" and self.headers.get("Upgrade") == "websocket":
            # Gives back what comes, byte by byte: who asks knows what frames are.
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            while data := self.connection.recv(65536):
                self.connection.sendall(data)
            SEEN.append("socket ended")
            self.close_connection = True
            return None
        if path == "/both-ways":
            # Answers while it reads: neither waits for the other.
            length = int(self.headers["Content-Length"])
            reading = threading.Thread(target=self.rfile.read, args=(length,))
            reading.start()
            self.answer(200, b"x" * int(self.path.split("?")[1]))
            reading.join()
            return None
        if path == "/early":
            # Begins its answer at once, and ends it when it has the whole request.
            length = int(self.headers["Content-Length"])
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.flush()
            if len(self.rfile.read(length)) < length:
                SEEN.append("cut off")
                self.close_connection = True
                return None
            self.wfile.write(b"whole")
            return None
        if path == "/early-leave":
            # Answers never, and hears when nobody waits any more.
            if not self.connection.recv(1):
                SEEN.append("left")
            self.close_connection = True
            return None
        if path in ("/login", "/form-login", "/page-login"):
            right = b"right" in self.body()
            if path == "/login":
                return self.answer(200 if right else 401, b"in" if right else b"wrong")
            if path == "/form-login":
                return self.answer(302, b"", Location="/home" if right else "/login?error=1")
            return self.answer(200, b"welcome" if right else b"<p>wrong password</p>")
        if path == "/none":
            return self.answer(404, b"nothing")
        if path == "/log":
            print("card 4111111111111111 mail ann@example.com", flush=True)
        return self.answer(200, self.body() or b"hello")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = handle_any

    def log_message(self, *_):
        pass


def stop(*_):
    time.sleep(float(os.environ.get("STOP_TAKES", "0")))
    for open_one in SOCKETS:
        open_one.sendall(b"goodbye")
    print("stopped in order", flush=True)
    os._exit(int(os.environ.get("STOP_CODE", "0")))


if __name__ == "__main__":
    time.sleep(float(os.environ.get("START_TAKES", "0")))
    if "FAILS" in os.environ:
        print("cannot start", file=sys.stderr)
        sys.exit(int(os.environ["FAILS"]))
    signal.signal(signal.SIGHUP, lambda *_: print("read anew", flush=True))
    if os.environ.get("IGNORES_STOP"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, stop)
    http.server.ThreadingHTTPServer.request_queue_size = 128
    http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
