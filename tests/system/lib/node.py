# SPDX-License-Identifier: Apache-2.0
"""A node for system tests: the shipped caisson.efi in QEMU or Bochs with a given configuration, paired, and spoken to over HTTPS.

Host only. Node boots from a FAT image made for it, waits for the `pairing code:` line, pairs build/caisson into a home of its own
and uses that profile's certificate. Waits are for lines, answers and events, each with a limit that only guards against a hang.
"""
import copy
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests"))
import image  # noqa: E402
from machine import BOARDS, BUILD, Machine, MachineError, free_port, image_of  # noqa: E402,F401
from tap import Tap  # noqa: E402

CLI = os.path.join(BUILD, "caisson")
EFI = image_of("x86_64")
VMLINUZ = os.path.join(BUILD, "guest", "vmlinuz")
INITRD = os.path.join(BUILD, "guest", "demo-initrd")
LIMIT_S = 600
CODE = r"pairing code: ([0-9A-Z]{4}-[0-9A-Z]{4})\n"
FINGERPRINT = r"fingerprint: (SHA256:[0-9a-f]{64})\n"


class Answer:
    """Status, headers (lower case names) and body of a response."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, {k.lower(): v for k, v in headers}, body

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return "%d %s" % (self.status, self.body[:400].decode("utf-8", "replace"))


class Node:
    """config: text of caisson.yaml, or None for none. files: {name: bytes or path} beside it in caisson/.
    folder: kept when given (UEFI variables, and so the identity, live there). home: where profiles go. machine_class: the emulator.
    arch: what it runs on. efi: another application than the shipped one. Further machine arguments are the emulator's own."""

    def __init__(self, config="", files=None, folder=None, pair=True, machine_class=Machine, arch="x86_64", efi=None, **machine):
        self.own = None if folder else tempfile.mkdtemp(prefix="caisson-node-")
        self.folder = folder or self.own
        self.home = os.path.join(self.folder, "home")
        self.pairs, self.connection, self.code, self.fingerprint = pair, None, None, None
        self.port = free_port()
        os.makedirs(self.folder, exist_ok=True)
        self.arch, self.efi = arch, efi or image_of(arch)
        if arch != "x86_64":
            machine["arch"] = arch
        self.machine = machine_class(self.folder, esp=self.make_esp(config, files or {}), api_port=self.port, **machine)

    def make_esp(self, config, files):
        content = {BOARDS[self.arch].boot: self.efi}
        if config is not None:
            content["caisson/caisson.yaml"] = config.encode()
        content.update(("caisson/" + name, source) for name, source in files.items())
        esp = os.path.join(self.folder, "esp.img")
        image.fat_image(esp, content)
        return esp

    @property
    def url(self):
        return "https://127.0.0.1:%d" % self.port

    @property
    def serial(self):
        return self.machine.text

    # ---- life

    def __enter__(self):
        try:
            self.machine.start()
            self.wait_ready()
            if self.pairs:
                self.pair()
        except BaseException as e:
            self.explain(e)
            self.close()
            raise
        return self

    def wait_ready(self, start=0):
        """Until the node shows its pairing code; start: where in the serial text to look from."""
        self.code = self.machine.wait_line(CODE, LIMIT_S, start).group(1)
        self.fingerprint = self.machine.wait_line(FINGERPRINT, LIMIT_S, start).group(1)

    def wait_line(self, pattern, limit_s=LIMIT_S, start=0):
        return self.machine.wait_line(pattern, limit_s, start)

    def close(self):
        self.drop()
        self.machine.close()
        if self.own:
            shutil.rmtree(self.own, ignore_errors=True)

    def __exit__(self, kind, error, trace):
        if error:
            self.explain(error)
        self.close()

    def explain(self, error):
        """What the machine can tell of a failure, while its folder is still there. A MachineError has it in its text."""
        text = "" if isinstance(error, MachineError) else self.machine.evidence()
        if text:
            Tap.note(text)

    # ---- the command line

    def env(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("CAISSON_", "XDG_"))}
        return dict(env, CAISSON_HOME=self.home, LC_ALL="C.UTF-8", TERM="xterm")

    def cli(self, *args, code=0, stdin=b"", limit_s=LIMIT_S):
        """Runs build/caisson; its standard output."""
        done = subprocess.run([CLI, *args], env=self.env(), input=stdin, capture_output=True, timeout=limit_s, check=False)
        text = done.stdout.decode("utf-8", "replace")
        assert done.returncode == code, "caisson %s: exit %d, expected %d\n%s%s" % (
            " ".join(args), done.returncode, code, text, done.stderr.decode("utf-8", "replace"))
        return text

    def pair(self, profile="test", tries=5):
        """The command waits some seconds for an answer; a slow emulator on a busy machine may need more, and is asked again."""
        while True:
            tries -= 1
            try:
                self.cli("pair", self.url, "--code", self.code, "--fingerprint", self.fingerprint, "--profile", profile)
                break
            except AssertionError as e:
                if not tries or "does not answer in time" not in str(e):
                    raise
        self.profile = os.path.join(self.home, "profiles", profile)

    # ---- HTTPS

    def context(self, client=True, cert=None, key=None):
        """What a careful client has: the node's CA alone is trusted; our certificate unless client is False."""
        ctx = ssl.create_default_context(cafile=os.path.join(self.profile, "ca.pem"))
        if client:
            ctx.load_cert_chain(cert or os.path.join(self.profile, "client.pem"), key or os.path.join(self.profile, "client.key"))
        return ctx

    def tls(self, limit_s=LIMIT_S, **how):
        """A TLS connection for tests that speak HTTP by hand."""
        raw = socket.create_connection(("127.0.0.1", self.port), limit_s)
        try:
            return self.context(**how).wrap_socket(raw, server_hostname="127.0.0.1")
        except BaseException:
            raw.close()
            raise

    def another(self):
        """The same node by a connection of its own, for another thread. Close it by drop()."""
        twin = copy.copy(self)
        twin.connection = None
        return twin

    def drop(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def request(self, method, path, body=None, headers=None, limit_s=LIMIT_S, **how):
        """One request. Without how, on a connection that is kept; it is made again when the node closed it meanwhile."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if how:
            return self.request_on(http.client.HTTPSConnection("127.0.0.1", self.port, timeout=limit_s, context=self.context(**how)),
                                   method, path, body, headers, close=True)
        for fresh in (False, True):
            if not self.connection:
                fresh = True
                self.connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=limit_s, context=self.context())
            try:
                return self.request_on(self.connection, method, path, body, headers)
            except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError):
                self.drop()
                if fresh:
                    raise
        return None

    @staticmethod
    def request_on(connection, method, path, body, headers, close=False):
        try:
            connection.request(method, path, body, headers)
            r = connection.getresponse()
            return Answer(r.status, r.getheaders(), r.read())
        finally:
            if close:
                connection.close()

    def get(self, path, status=200):
        return self.want(status, "GET", path).json()

    def post(self, path, body=None, status=200):
        a = self.want(status, "POST", path, body)
        return a.json() if a.body else None

    def delete(self, path, status=204):
        self.want(status, "DELETE", path)

    def want(self, status, method, path, body=None, **more):
        a = self.request(method, path, body, **more)
        assert a.status == status, "%s %s: expected %d, got %s" % (method, path, status, a)
        return a

    # ---- shortcuts

    def put_image(self, name, data):
        a = self.request("PUT", "/v1/images/" + name, data)
        assert a.status == 201, "PUT image %s: %s" % (name, a)
        return a.json()

    def vm(self, name):
        return self.get("/v1/vms/" + name)

    def act(self, name, verb, body=None, status=200):
        return self.post("/v1/vms/%s/%s" % (name, verb), body, status)

    def metrics(self):
        """{series: value}"""
        text = self.want(200, "GET", "/metrics").body.decode()
        return {m.group(1): float(m.group(2)) for m in re.finditer(r"^(caisson_\S+(?:\{.*\})?) (\S+)$", text, re.M)}

    def free_kib(self):
        return self.get("/v1/node")["memory"]["free_kib"]


def tail(text, lines=40):
    return "\n".join(text.splitlines()[-lines:])


def run_checks(tap, node, checks):
    """Each check is a function of the node; its first doc line is its name. One that raises has failed, and the serial log's tail is shown."""
    for check in checks:
        name = check.__doc__.strip().splitlines()[0].rstrip(".")
        try:
            check(node)
        except Exception:  # whatever goes wrong, goes wrong in this check
            if not tap.ok(False, name, traceback.format_exc()):
                tap.note("---- the node's serial log ends with:\n" + tail(node.serial) + node.machine.evidence())
            node.drop()
        else:
            tap.ok(True, name)
        if node.machine.process.poll() is not None:
            tap.ok(False, "the machine is still there", "%s ended with code %s" % (node.machine.emulator, node.machine.process.returncode))
            return


def program(checks, **how):
    """A whole test program on one boot: its exit code."""
    tap = Tap()
    try:
        with Node(**how) as node:
            run_checks(tap, node, checks)
    except (MachineError, AssertionError, OSError, subprocess.SubprocessError):
        tap.ok(False, "a node comes up and can be paired", traceback.format_exc())
    return tap.done()
