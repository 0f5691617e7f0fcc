"""A service that misbehaves in one way: odd.py MODE PORT."""
import os, signal, socket, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

mode, port = sys.argv[1], int(sys.argv[2])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def serve(port):
    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


class Asked(Handler):
    def answer(self):
        print(self.command, self.path, flush=True)
        super().do_GET()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer


if mode == "asked":
    HTTPServer(("127.0.0.1", port), Asked).serve_forever()
if mode == "good":
    serve(port)
if mode == "never-listens":
    print("waiting for a friend", flush=True)
    time.sleep(3600)
if mode == "elsewhere":
    serve(0)
if mode == "megabytes":
    for _ in range(200):
        sys.stdout.write("x" * 50_000 + "\n" + "line\n" * 1000)
    sys.stdout.flush()
    serve(port)
if mode == "one-long-line":
    sys.stdout.write("y" * 20_000_000)
    sys.stdout.flush()
    sys.exit(7)
if mode == "forks-away":
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            serve(port)
        os._exit(0)
    time.sleep(0.03)
    sys.exit(0)
if mode == "exits":
    print("\x1b[31mno such plugin\x1b[0m", file=sys.stderr)
    sys.exit(9)
if mode == "ignores-sigterm":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    serve(port)
if mode == "not-http":
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        connection, _ = listener.accept()
        connection.sendall(b"\x00\x01+PONG\r\n")
        connection.close()
if mode == "needs-key":
    if not os.environ.get("KEY"):
        sys.exit("KEY is required")
    serve(port)
if mode == "dotenv":
    # What dotenv libraries do: fill in what is not there, from the working folder or beside the
    # program, wherever that really is.
    for folder in (os.getcwd(), sys.argv[3] if len(sys.argv) > 3 else os.getcwd()):
        path = os.path.join(folder, ".env")
        if os.path.exists(path):
            for line in open(path):
                name, _, value = line.strip().partition("=")
                os.environ.setdefault(name, value)
    if not os.environ.get("KEY"):
        sys.exit("KEY is required")
    serve(port)
if mode == "children":
    for _ in range(3):
        if os.fork() == 0:
            time.sleep(3600)
    serve(port)
if mode == "asks":
    # Ready when a dependency greets it.
    class Asks(Handler):
        def do_GET(self):
            try:
                with socket.create_connection((os.environ["FRIEND_HOST"], int(os.environ["FRIEND_PORT"])), 0.3) as friend:
                    friend.settimeout(0.3)
                    status = 200 if friend.recv(2) == b"hi" else 503
            except OSError:
                status = 503
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    HTTPServer(("127.0.0.1", port), Asks).serve_forever()
