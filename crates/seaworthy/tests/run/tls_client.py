"""Asks over TLS: port, name, requests. Prints what was agreed, whom the certificate is for, and the
answers, as JSON."""

import json
import socket
import ssl
import sys

port, name, *targets = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
# Without anything to ask it is about what is agreed; what is asked is asked in HTTP/1.1.
context.set_alpn_protocols(["http/1.1"] if targets else ["h2", "http/1.1"])
raw = socket.create_connection(("127.0.0.1", int(port)), timeout=10)
stream = context.wrap_socket(raw, server_hostname=name)
answers = []
for at, target in enumerate(targets):
    last = "close" if at == len(targets) - 1 else "keep-alive"
    stream.sendall(f"GET {target} HTTP/1.1\r\nHost: {name}\r\nConnection: {last}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += stream.recv(4096) or sys.exit("closed")
    head, body = answer.split(b"\r\n\r\n", 1)
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1])
    while len(body) < length:
        body += stream.recv(4096) or sys.exit("closed")
    answers.append([int(head.split(b" ")[1]), body.decode()])
der = stream.getpeercert(binary_form=True)
print(json.dumps({"version": stream.version(), "alpn": stream.selected_alpn_protocol(),
                  "names": [n for n in sys.argv[2:3] if n.encode() in der], "answers": answers,
                  "certificate": der.hex()}))
