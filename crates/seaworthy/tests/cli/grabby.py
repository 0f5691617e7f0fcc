"""A service that reaches for everything around it, by paths with all links resolved."""

import http.server
import os
import socket
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
ROWS = os.path.join(HERE, "rows.sqlite")
KEPT = []


def say(text):
    print(text, flush=True)


def attempt(what, action):
    try:
        say(action())
    except Exception as error:  # whatever stops it is told
        say(f"could not {what}: {error}")


def write(path, text, done):
    with open(path, "w") as file:
        file.write(text)
    return done


def tcp(host, port):
    stream = socket.create_connection((host, port), timeout=5)
    if "linger" in sys.argv:
        KEPT.append(stream)
        return "connected, and stays so"
    with stream:
        return f"this machine says: {stream.recv(100).decode().strip()}"


def unix(path):
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(path)
    return "connected to a Unix socket"


if sys.argv[1] == "init":
    write(ROWS, "emptied by init", "")
    sys.exit(0)

port, machine, unix_path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if os.path.exists(ROWS):
    with open(ROWS) as rows:
        say(f"rows: {rows.read()}")
beside = os.path.join(HERE, "stray")
attempt("write beside itself", lambda: write(beside, "x", "wrote beside itself"))
elsewhere = f"/var/tmp/seaworthy-grabby-{machine}"
attempt("write to /var/tmp", lambda: write(elsewhere, "x", "wrote to /var/tmp"))
attempt("connect to this machine", lambda: tcp("127.0.0.1", machine))
attempt("connect to a Unix socket", lambda: unix(unix_path))
if "linger" not in sys.argv:
    attempt("reach a host", lambda: tcp("updates.example.net", 443))
    attempt("reach an address", lambda: tcp("203.0.113.80", 80))
say(f"KEY is {os.environ.get('KEY')}")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
