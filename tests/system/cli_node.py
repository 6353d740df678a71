# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a node, for the tests of the command line: the management API's shapes over TLS, in threads of the
test's own process. It keeps what it was asked, so that a test can look, and misbehaves on demand. It knows nothing of
how the command line works inside; certificates come from the openssl program."""

import base64
import hashlib
import json
import os
import queue
import socket
import ssl
import struct
import subprocess
import threading
import time
from urllib.parse import parse_qs, unquote, urlsplit

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def openssl(*args, stdin=None):
    done = subprocess.run(["openssl", *args], input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError("openssl %s: %s" % (args[0], done.stderr.decode()))
    return done.stdout


class Identity:
    """A CA and certificates of its own, in a folder."""

    def __init__(self, folder, name="caisson-test01"):
        self.folder = folder
        self.name = name
        os.makedirs(folder, exist_ok=True)
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.path("ca.key"))
        openssl("req", "-x509", "-new", "-key", self.path("ca.key"), "-subj", "/CN=%s CA" % name, "-days", "30", "-out",
                self.path("ca.pem"), "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign")
        with open(self.path("ca.pem"), encoding="ascii") as f:
            self.ca_pem = f.read()
        der = ssl.PEM_cert_to_DER_cert(self.ca_pem)
        self.fingerprint = "SHA256:" + hashlib.sha256(der).hexdigest()
        self.serve("server", "DNS:localhost,IP:127.0.0.1,DNS:" + name)

    def path(self, name):
        return os.path.join(self.folder, name)

    def serve(self, stem, names, days=30):
        """A server certificate: stem.key, and stem.pem with the CA behind it."""
        key, csr, ext, pem = (self.path(stem + e) for e in (".key", ".csr", ".ext", ".pem"))
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        openssl("req", "-new", "-key", key, "-subj", "/CN=" + self.name, "-out", csr)
        with open(ext, "w", encoding="ascii") as f:
            f.write("subjectAltName=%s\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n" % names)
        leaf = self.sign(csr, ext, days)
        with open(pem, "w", encoding="ascii") as f:
            f.write(leaf + self.ca_pem)

    def sign(self, csr, ext, days=30):
        return openssl("x509", "-req", "-in", csr, "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"), "-set_serial",
                       str(int.from_bytes(os.urandom(8), "big")), "-days", str(days), "-extfile", ext).decode()

    def sign_client(self, csr_pem):
        csr, ext = self.path("client.csr"), self.path("client.ext")
        with open(csr, "w", encoding="ascii") as f:
            f.write(csr_pem)
        with open(ext, "w", encoding="ascii") as f:
            f.write("basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n")
        return self.sign(csr, ext)


class Refuse(Exception):
    def __init__(self, status, slug, detail, headers=()):
        super().__init__(detail)
        self.status, self.slug, self.detail, self.headers = status, slug, detail, headers


class Node:
    """Serves until stop(). The attributes above the line are knobs for tests; those below are what it saw."""

    def __init__(self, identity, stem="server", port=0):
        self.identity = identity
        self.code = "ABCD-1234"
        self.chunked = False          # answers in chunks of one byte, in single writes
        self.raw_answer = None        # bytes sent instead of any answer
        self.pair_ca = None           # a CA other than its own, returned by pairing
        self.pair_name = identity.name
        self.refuse_next = None       # a Refuse raised by the next request
        self.console_denied = False   # the console has another writer
        self.console_script = None    # function(ws) in place of the echo
        self.events_drop_after = 0    # close the next stream behind so many events
        self.early_refusal = False    # answers an upload before it has read it
        # ---
        self.requests = []            # (method, path with query, headers)
        self.bodies = []
        self.seen = queue.Queue()     # named things that happened, in order
        self.vms = {}
        self.images = {}
        self.events = []
        self.lock = threading.Condition()
        self.stopping = False
        self.released = threading.Event()
        self.connections = set()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.path(stem + ".pem"), identity.path(stem + ".key"))
        self.context.load_verify_locations(identity.path("ca.pem"))
        self.context.verify_mode = ssl.CERT_OPTIONAL
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.url = "https://127.0.0.1:%d" % self.port
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.stopping = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.hang_up()

    def hang_up(self):
        """Cuts all connections without a word."""
        for s in list(self.connections):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def wait(self, name, timeout=20):
        """The value of the next thing seen under this name."""
        end = time.monotonic() + timeout
        while True:
            seen, value = self.seen.get(timeout=max(0.01, end - time.monotonic()))
            if seen == name:
                return value

    def emit(self, kind, obj, **more):
        with self.lock:
            number = len(self.events) + 1
            event = {"id": number, "time": "2026-01-02T03:04:%02dZ" % (number % 60), "type": kind, "object": obj}
            event.update(more)
            self.events.append(event)
            self.lock.notify_all()

    def accept(self):
        while not self.stopping:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.connection, args=(s,), daemon=True).start()

    def connection(self, raw):
        try:
            raw.settimeout(30)
            tls = self.context.wrap_socket(raw, server_side=True)
        except (OSError, ValueError) as e:
            self.seen.put(("handshake-failed", str(e)))
            raw.close()
            return
        self.connections.add(tls)
        try:
            Connection(self, tls).run()
        except (OSError, EOFError, ValueError):
            pass
        finally:
            self.connections.discard(tls)
            try:
                tls.unwrap() if not self.stopping else None
            except (OSError, ValueError):
                pass
            tls.close()


class Connection:
    """One TLS connection: HTTP/1.1 with keep-alive, in a thread."""

    def __init__(self, node, tls):
        self.node, self.tls = node, tls
        self.file = tls.makefile("rb")

    def run(self):
        while self.one():
            pass

    def one(self):
        line = self.file.readline(65536)
        if not line:
            return False
        method, target, _ = line.decode().split(" ", 2)
        headers = {}
        while (line := self.file.readline(65536)) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        self.node.requests.append((method, target, headers))
        self.node.seen.put(("request", (method, target)))
        if self.node.raw_answer is not None:
            self.tls.sendall(self.node.raw_answer)
            return False
        url = urlsplit(target)
        try:
            refuse, self.node.refuse_next = self.node.refuse_next, None
            if refuse:
                raise refuse
            if url.path == "/v1/pair":
                return self.answer(201, self.pair(self.body(headers)))
            if not self.tls.getpeercert():
                raise Refuse(401, "unauthorized", "expected a client certificate")
            return self.route(method, [unquote(p) for p in url.path.split("/")[2:]], parse_qs(url.query), headers)
        except Refuse as r:
            problem = {"type": "urn:caisson:problem:" + r.slug, "title": r.slug.replace("-", " ").capitalize(),
                       "status": r.status, "detail": r.detail, "instance": url.path}
            return self.answer(r.status, problem, "application/problem+json", r.headers)

    def body(self, headers):
        data = self.file.read(int(headers.get("content-length", "0")))
        self.node.bodies.append(data)
        return data

    def answer(self, status, value, kind="application/json", headers=()):
        data = b"" if value is None else value if isinstance(value, bytes) else (json.dumps(value) + "\n").encode()
        head = ["HTTP/1.1 %d X" % status] + ["%s: %s" % h for h in headers]
        if value is not None:
            head.append("Content-Type: %s; charset=utf-8" % kind)
        if self.node.chunked and value is not None:
            head.append("Transfer-Encoding: chunked")
            pieces = [b"1;x=y\r\n" + bytes([b]) + b"\r\n" for b in data] + [b"0\r\nX-Trailer: 1\r\n\r\n"]
        else:
            if status != 204:
                head.append("Content-Length: %d" % len(data))
            pieces = [data]
        self.tls.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        for piece in pieces:
            if piece:
                self.tls.sendall(piece)
        return True

    def pair(self, data):
        body = json.loads(data)
        if set(body) != {"code", "csr", "name"}:
            raise Refuse(400, "bad-request", "expected code, csr and name")
        if body["code"] != self.node.code:
            raise Refuse(403, "forbidden", "the pairing code is wrong; 4 attempts are left")
        identity = self.node.identity
        return {"certificate": identity.sign_client(body["csr"]), "ca": self.node.pair_ca or identity.ca_pem,
                "node": self.node.pair_name, "fingerprint": identity.fingerprint}

    def route(self, method, path, query, headers):
        noun = path[0]
        if noun == "images" and method == "PUT":
            return self.put_image(path[1], query, headers)
        data = self.body(headers)
        if noun == "node":
            if len(path) == 2 and method == "POST":
                return self.answer(202, {})
            return self.answer(200, self.node_info())
        if noun == "events":
            return self.stream_events(headers)
        if noun == "vms":
            return self.vms(method, path[1:], data, headers, query)
        if noun == "images":
            return self.images(method, path[1:])
        raise Refuse(404, "not-found", "there is no such path")

    def node_info(self):
        return {"name": self.node.identity.name, "version": "0.1.0", "arch": "x86_64", "uptime_ms": 3723000,
                "time": "2026-01-02T03:04:05Z", "time_source": "sntp", "secure_boot": False, "cpus": 2,
                "memory": {"total_kib": 2097152, "free_kib": 1048576, "reserved_kib": 524288},
                "virtualization": {"backend": "svm", "available": True, "reason": None},
                "addresses": ["10.0.2.15", "fec0::1"], "fingerprint": self.node.identity.fingerprint,
                "config_errors": ["caisson.yaml:3:7: expected a number"], "vms": {"total": 1, "running": 1}}

    def vm(self, name):
        if name not in self.node.vms:
            raise Refuse(404, "not-found", "there is no VM '%s'" % name)
        return self.node.vms[name]

    def vms(self, method, path, data, headers, query):
        node = self.node
        if not path and method == "GET":
            return self.answer(200, {"items": list(node.vms.values())})
        if not path:
            return self.create_vm(json.loads(data))
        vm = self.vm(path[0])
        if len(path) == 1 and method == "DELETE":
            if vm["state"] not in ("stopped", "crashed"):
                raise Refuse(409, "conflict", "VM '%s' is %s; expected stopped or crashed" % (path[0], vm["state"]))
            del node.vms[path[0]]
            return self.answer(204, None)
        if len(path) == 1:
            return self.answer(200, vm)
        if path[1:] == ["console", "log"]:
            return self.answer(200, b"boot\x1b[31mred\n", "text/plain")
        if path[1] == "console":
            return self.console(path[0], query, headers)
        vm["state"] = {"start": "running", "stop": "stopped", "pause": "paused", "resume": "running", "reset": "running"}[path[1]]
        vm["uptime_ms"] = 61000 if vm["state"] != "stopped" else None
        return self.answer(200, vm)

    def create_vm(self, spec):
        known = {"name", "vcpus", "memory_mib", "kernel", "initrd", "cmdline", "autostart", "weight"}
        for field in spec:
            if field not in known:
                raise Refuse(400, "bad-request", "unknown field '%s'" % field)
        if spec["name"] in self.node.vms:
            raise Refuse(409, "conflict", "VM '%s' exists already" % spec["name"])
        vm = {"vcpus": 1, "memory_mib": 128, "initrd": None, "cmdline": "", "autostart": False, "weight": 100}
        vm.update(spec)
        vm.update({"state": "stopped", "reason": None, "uptime_ms": None,
                   "stats": {"exits": 7, "run_ms": 5, "steal_ms": 1, "resident_kib": 2048, "unknown_msrs": 3,
                             "unknown_ports": 4, "unknown_mmio": 0}})
        self.node.vms[spec["name"]] = vm
        return self.answer(201, vm, headers=[("Location", "/v1/vms/" + spec["name"])])

    def put_image(self, name, query, headers):
        node = self.node
        if node.early_refusal:
            problem = b'{"title":"Conflict","detail":"exists","status":409}'
            self.tls.sendall(b"HTTP/1.1 409 X\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
                             b"Content-Length: %d\r\n\r\n" % len(problem) + problem)
            node.released.wait(30)  # reads nothing of the body
            return False
        data = self.body(headers)
        if name in node.images:
            raise Refuse(409, "conflict", "image '%s' exists already" % name)
        sha = hashlib.sha256(data).hexdigest()
        if query.get("sha256") != [sha]:
            raise Refuse(422, "digest-mismatch", "expected %s" % query.get("sha256"))
        node.images[name] = {"name": name, "size_bytes": len(data), "sha256": sha, "in_use": name == "busy"}
        return self.answer(201, node.images[name])

    def images(self, method, path):
        if not path:
            return self.answer(200, {"items": list(self.node.images.values())})
        if path[0] not in self.node.images:
            raise Refuse(404, "not-found", "there is no image '%s'" % path[0])
        if method == "DELETE":
            if self.node.images[path[0]]["in_use"]:
                raise Refuse(409, "conflict", "image '%s' is in use" % path[0])
            del self.node.images[path[0]]
            return self.answer(204, None)
        return self.answer(200, self.node.images[path[0]])

    def stream_events(self, headers):
        node = self.node
        drop, node.events_drop_after = node.events_drop_after, 0
        at = int(headers["last-event-id"]) if "last-event-id" in headers else len(node.events)
        self.tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        node.seen.put(("events", headers.get("last-event-id")))
        self.chunk(b": keep-alive\n\n")
        while not node.stopping:
            with node.lock:
                node.lock.wait_for(lambda: len(node.events) > at or node.stopping, timeout=15)
                batch = node.events[at:]
            for event in batch:
                at += 1
                text = "id: %d\nevent: %s\ndata: %s\n\n" % (event["id"], event["type"], json.dumps(event))
                for i in range(0, len(text), 7):
                    self.chunk(text[i:i + 7].encode())
                if drop and at >= drop:
                    return False
        return False

    def chunk(self, data):
        self.tls.sendall(b"%x\r\n" % len(data) + data + b"\r\n")

    def console(self, name, query, headers):
        node = self.node
        accept = base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] + GUID).encode()).digest()).decode()
        mode = query.get("mode", ["rw"])[0]
        writer = mode == "rw" and not node.console_denied
        ws = WebSocket(node, self.tls, self.file, writer)
        self.tls.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: %s\r\n\r\n" % accept).encode() +
                         ws.frame(1, json.dumps({"type": "hello", "writer": writer}).encode()))
        ws.send(2, b"log of " + name.encode() + b"\r\n")
        node.seen.put(("console", ws))
        (node.console_script or WebSocket.echo)(ws)
        return False


class WebSocket:
    """The node's end of one console."""

    def __init__(self, node, tls, file, writer):
        self.node, self.tls, self.file, self.writer = node, tls, file, writer

    @staticmethod
    def frame(opcode, data, final=True):
        head = bytes([opcode | (0x80 if final else 0)])
        if len(data) < 126:
            return head + bytes([len(data)]) + data
        if len(data) < 65536:
            return head + b"\x7e" + struct.pack(">H", len(data)) + data
        return head + b"\x7f" + struct.pack(">Q", len(data)) + data

    def send(self, opcode, data, final=True):
        self.tls.sendall(self.frame(opcode, data, final))

    def receive(self):
        """(opcode, payload); requires the mask that RFC 6455 5.3 asks for."""
        head = self.file.read(2)
        if len(head) < 2:
            raise EOFError
        if not head[1] & 0x80:
            self.node.seen.put(("unmasked", head))
        length = head[1] & 0x7f
        if length == 126:
            length = struct.unpack(">H", self.file.read(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.file.read(8))[0]
        mask = self.file.read(4)
        data = self.file.read(length)
        if length > 2:
            mask = mask * (length // 4 + 1)
        return head[0] & 0x0f, bytes(a ^ b for a, b in zip(data, mask))

    def echo(self):
        while True:
            opcode, data = self.receive()
            if opcode == 8:
                self.node.seen.put(("close", data))
                self.send(8, data)
                return
            if opcode == 1:
                self.node.seen.put(("text", json.loads(data)))
            elif opcode == 2:
                self.node.seen.put(("typed", data))
                if self.writer:
                    half = len(data) // 2
                    self.send(2, data[:half], final=False)
                    self.send(9, b"are you there")
                    self.send(0, data[half:])
            elif opcode == 9:
                self.send(10, data)
            elif opcode == 10:
                self.node.seen.put(("pong", data))

