"""A service with a login: a cookie, a bearer token, and headers that are missing on purpose."""

import http.server
import json
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        try:
            sent = json.loads(self.rfile.read(length))
            user, password = sent["user"], sent["password"]
        except (ValueError, KeyError, TypeError):
            return self.answer(400, {"code": "bad-body"})
        if password != "hunter2-Horse":
            return self.answer(401, {"code": "wrong-password"})
        print(f"logged in {user} with session s3ssion-of-{user}", flush=True)
        cookie = ("Set-Cookie", f"sid=s3ssion-of-{user}; Path=/; HttpOnly")
        return self.answer(200, {"access_token": f"tok3n-for-{user}"}, [cookie])

    def do_GET(self):
        if self.path == "/ready":
            return self.answer(200, {})
        token = (self.headers.get("Authorization") or "").startswith("Bearer tok3n-for-")
        session = "s3ssion-of-" in (self.headers.get("Cookie") or "")
        if self.path == "/me" and token and session:
            return self.answer(200, {"name": "anna"})
        return self.answer(401 if self.path == "/me" else 404, {"code": "no"})

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
