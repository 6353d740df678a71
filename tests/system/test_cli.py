#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line against a stand-in node (cli_node.py): pairing, tables and JSON, errors and exit codes, TLS identity,
uploads, and what a hostile node may answer. Prints TAP; see cli_bench.py for how it is run."""

import json
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_bench import CLI, LIMIT, Terminal, contains, run_tests  # noqa: E402
from cli_node import Refuse, openssl  # noqa: E402

TESTS = []


def test(function):
    TESTS.append(function)
    return function


# ---- the command line itself

@test
def usage_and_help(b):
    run = b.home.run
    contains(run("help")[0], "vm console NAME", "image add FILE [NAME]", "exit codes")
    contains(run("vm", "create", "--help")[0], "--kernel IMAGE", "--json")
    contains(run("help", "vm")[0], "vm pause NAME")
    contains(run("--help")[0], "usage: caisson")
    contains(run("version")[0], "caisson ")
    assert json.loads(run("--json", "version")[0])["version"]
    contains(run("frobnicate", code=2)[1], "unknown command 'frobnicate'")
    contains(run("vm", "frob", code=2)[1], "unknown command 'vm frob'")
    contains(run("vm", "list", "extra", code=2)[1], "unexpected argument 'extra'")
    contains(run("vm", "show", code=2)[1], "missing argument")
    contains(run("vm", "list", "--bogus", code=2)[1], "no option '--bogus'")
    contains(run("vm", "stop", "a", "--timeout", code=2)[1], "needs a value")
    contains(run("vm", "stop", "a", "--timeout", "soon", code=2)[1], "expected a time")
    contains(run("vm", "create", "a", "-k", "k", "--memory", "1.5G", code=2)[1], "expected a size")
    contains(run("vm", "create", "a", code=2)[1], "needs a kernel")
    contains(run("pair", "http://x", "--code", "A", code=2)[1], "only https")
    contains(run("pair", "https://x:99999", code=2)[1], "port")
    run(code=2)
    run("vm", code=2)


@test
def not_paired(b):
    contains(b.home.run("vm", "list", code=7)[1], "caisson pair URL")
    contains(b.home.run("vm", "list", "--profile", "nope", code=7)[1], "no profile 'nope'")
    assert b.home.run("profile", "list")[0].splitlines()[0].split() == ["NAME", "NODE", "URL", "DEFAULT"]


@test
def completion_scripts(b):
    script = b.home.run("completion", "bash")[0]
    path = b.write("completion.bash", script)
    subprocess.run(["bash", "-n", path], check=True)
    node = b.node()
    node.vms["demo"] = {"name": "demo"}
    probe = ("PATH=%s:$PATH; source %s; t() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($#-1)); _caisson; echo \"${COMPREPLY[*]}\"; };"
             "t caisson im; t caisson vm pa; t caisson vm show d; t caisson vm create x --ker; t caisson help pro"
             % (os.path.dirname(CLI), path))
    out = subprocess.run(["bash", "-c", probe], env=b.home.env, capture_output=True, check=True, timeout=LIMIT).stdout
    assert out.decode().split("\n")[:5] == ["image", "pause", "demo", "--kernel", "profile"], out
    contains(b.home.run("completion", "zsh")[0], "#compdef caisson")
    contains(b.home.run("completion", "fish")[0], "-a pause")
    for shell in ("zsh", "fish"):
        if shutil.which(shell):
            subprocess.run([shell, "-n", b.write("c." + shell, b.home.run("completion", shell)[0])], check=True)
    b.home.run("completion", "tcsh", code=2)


# ---- pairing and identity

@test
def pairing_makes_a_profile(b):
    node = b.node(paired=False)
    contains(b.home.pair(node, "--client-name", "laptop")[0], "Paired with caisson-test01")
    folder = os.path.join(b.home.folder, "profiles", "caisson-test01")
    assert sorted(os.listdir(folder)) == ["ca.pem", "client.key", "client.pem", "node.json"]
    key = os.path.join(folder, "client.key")
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    with open(os.path.join(folder, "node.json"), encoding="ascii") as f:
        stored = json.load(f)
    assert stored == {"url": node.url, "node": "caisson-test01", "fingerprint": b.identity.fingerprint}
    sent = json.loads(node.bodies[0])
    assert sent["name"] == "laptop" and sent["code"] == node.code
    csr = openssl("req", "-verify", "-noout", "-text", "-subject", stdin=sent["csr"].encode()).decode()
    contains(csr, "prime256v1", "CN = laptop")
    assert b"PRIVATE" not in node.bodies[0]
    contains(b.home.run("profile", "list")[0], "caisson-test01", node.url, "yes")
    assert [p["name"] for p in json.loads(b.home.run("profile", "list", "--json")[0])["items"]] == ["caisson-test01"]
    assert b.home.run("profile", "list", "-q", "--json")[0] == b.home.run("profile", "list", "--json")[0]
    b.home.pair(node)  # the same node again replaces its profile
    assert os.listdir(os.path.join(b.home.folder, "profiles")) == ["caisson-test01"]


@test
def pairing_refuses_a_wrong_fingerprint(b):
    node = b.node(paired=False)
    err = b.home.run("pair", node.url, "--code", node.code, "--fingerprint", "SHA256:" + "0" * 64, code=6)[1]
    contains(err, b.identity.fingerprint, "nothing was sent")
    assert not node.requests and not os.path.exists(b.home.folder)
    b.home.run("pair", node.url, "--code", node.code, "--fingerprint", "12:34", code=2)
    upper = ":".join(re.findall("..", b.identity.fingerprint[7:].upper()))
    b.home.run("pair", node.url, "--code", node.code, "--fingerprint", upper)


@test
def pairing_reports_a_wrong_code(b):
    node = b.node(paired=False)
    right = ["--fingerprint", b.identity.fingerprint]
    contains(b.home.run("pair", node.url, "--code", "AAAA-0000", *right, code=1)[1], "4 attempts are left")
    assert not os.path.exists(b.home.folder)
    node.refuse_next = Refuse(429, "too-many-requests", "wait", [("Retry-After", "30")])
    contains(b.home.run("pair", node.url, "--code", node.code, *right, code=1)[1], "try again in 30 s")
    contains(b.home.run("pair", node.url, *right, code=2)[1], "--code")
    contains(b.home.run("pair", node.url, "--code", "A", code=2)[1], "--fingerprint")


@test
def pairing_checks_what_it_gets(b):
    node = b.node(paired=False)
    node.pair_ca = b.other.ca_pem
    args = ["pair", node.url, "--code", node.code, "--fingerprint", b.identity.fingerprint]
    contains(b.home.run(*args, code=6)[1], "another CA")
    node.pair_ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    contains(b.home.run(*args, code=6)[1], "not a certificate")
    node.pair_ca = None
    node.pair_name = "../../evil"
    contains(b.home.run(*args, code=4)[1], "cannot name a profile")
    assert not os.path.exists(b.home.folder)


@test
def pairing_on_a_terminal(b):
    node = b.node(paired=False)
    t = Terminal(b.home, "pair", node.url)
    t.expect(re.escape(b.identity.fingerprint))
    t.expect(r"\[yes/no\] ")
    t.type("no\n")
    contains(t.wait(6), "not confirmed")
    assert not node.requests
    t = Terminal(b.home, "pair", node.url)
    t.expect(r"\[yes/no\] ")
    t.type("yes\n")
    t.expect("console: ")
    t.type(node.code + "\n")
    contains(t.wait(0), "Paired with")
    t = Terminal(b.home, "pair", node.url)
    t.expect(r"\[yes/no\] ")
    t.type("\x03")
    t.wait(130)


@test
def several_profiles(b):
    first, second = b.node(), b.node(b.other)
    first.vms["one"] = {"name": "one"}
    second.vms["two"] = {"name": "two"}
    run = b.home.run
    assert run("vm", "list", "-q")[0] == "two\n"
    assert run("vm", "list", "-q", "--profile", "caisson-test01")[0] == "one\n"
    assert run("--profile=caisson-test01", "vm", "list", "-q")[0] == "one\n"
    assert run("vm", "list", "-q", "--node", first.url)[0] == "one\n"
    run("profile", "use", "caisson-test01")
    assert run("vm", "list", "-q")[0] == "one\n"
    run("profile", "use", "nope", code=3)
    contains(run("pair", second.url, "--code", second.code, "--fingerprint", b.other.fingerprint, "--profile",
                 "caisson-test01", code=4)[1], "belongs to another node")
    run("pair", second.url, "--code", second.code, "--fingerprint", b.other.fingerprint, "--profile", "caisson-test01",
        "--force")
    assert run("vm", "list", "-q", "--profile", "caisson-test01")[0] == "two\n"


@test
def tls_identity(b):
    node = b.node()
    impostor = b.node(b.other, paired=False)
    contains(b.home.run("vm", "list", "--node", impostor.url, code=6)[1], "not issued by the CA")
    assert not impostor.requests
    b.identity.serve("expired", "IP:127.0.0.1", days=-1)
    expired = b.node(paired=False, stem="expired")
    contains(b.home.run("vm", "list", "--node", expired.url, code=6)[1], "expired")
    contains(b.home.run("pair", expired.url, "--code", "A", "--fingerprint", b.identity.fingerprint, code=6)[1], "expired")
    b.identity.serve("elsewhere", "DNS:elsewhere.example,IP:10.9.9.9")
    elsewhere = b.node(paired=False, stem="elsewhere")
    contains(b.home.run("vm", "list", "--node", elsewhere.url, code=6)[1], "another host")
    assert not elsewhere.requests
    b.identity.serve("forwarded", "IP:10.0.2.15,DNS:caisson-test01")
    forwarded = b.node(paired=False, stem="forwarded")  # by the node's own name, behind a forwarded port
    b.home.run("vm", "list", "--node", forwarded.url)
    b.home.run("vm", "list", "--node", "localhost:%d" % node.port)


@test
def tls_versions(b):
    node = b.node()
    node.context.maximum_version = ssl.TLSVersion.TLSv1_2
    b.home.run("vm", "list")
    node.context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        node.context.minimum_version = ssl.TLSVersion.TLSv1
        node.context.maximum_version = ssl.TLSVersion.TLSv1_1
    b.home.run("vm", "list", code=6)


@test
def no_connection(b):
    node = b.node()
    node.stop()
    contains(b.home.run("vm", "list", code=5)[1], "cannot connect", "refused")
    contains(b.home.run("vm", "list", "--node", "a" * 64 + ".invalid", code=5)[1], "cannot find the host")
    plain = socket.create_server(("127.0.0.1", 0))

    def serve():
        s, _ = plain.accept()
        s.recv(4096)
        s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        s.close()
        s, _ = plain.accept()
        s.recv(4096)
        s.close()
    threading.Thread(target=serve, daemon=True).start()
    where = "127.0.0.1:%d" % plain.getsockname()[1]
    contains(b.home.run("vm", "list", "--node", where, code=6)[1], "not TLS")
    contains(b.home.run("vm", "list", "--node", where, code=5)[1], "closed the connection")
    plain.close()


@test
def client_certificate_is_refused(b):
    node = b.node()
    folder = os.path.join(b.home.folder, "profiles", "caisson-test01")
    node2 = b.node(b.other)
    for name in ("client.pem", "client.key"):
        shutil.copy(os.path.join(b.home.folder, "profiles", "caisson-other", name), folder)
    del node2
    contains(b.home.run("vm", "list", "--profile", "caisson-test01", code=6)[1], "refused the TLS connection")
    assert not node.requests


# ---- nodes, VMs, images

@test
def node_commands(b):
    node = b.node()
    out = b.home.run("node", "info")[0]
    contains(out, "caisson-test01", "1h 2m", "2 GiB total, 1 GiB free, 512 MiB reserved", "10.0.2.15", "fec0::1",
             b.identity.fingerprint, "caisson.yaml:3:7", "svm")
    assert json.loads(b.home.run("node", "info", "--json")[0])["cpus"] == 2
    b.home.run("node", "reboot")
    b.home.run("node", "poweroff")
    assert [r[:2] for r in node.requests[-2:]] == [("POST", "/v1/node/reboot"), ("POST", "/v1/node/poweroff")]


@test
def vm_lifecycle(b):
    node = b.node()
    run = b.home.run
    contains(run("vm", "create", "demo", "--kernel", "vmlinuz", "--initrd", "initrd.img", "--cmdline", "console=ttyS0 -- -h",
                 "--vcpus", "2", "--memory", "1G", "--weight", "50", "--autostart")[0], "demo: created, stopped")
    assert json.loads(node.bodies[-1]) == {
        "name": "demo", "kernel": "vmlinuz", "initrd": "initrd.img", "cmdline": "console=ttyS0 -- -h", "vcpus": 2,
        "memory_mib": 1024, "weight": 50, "autostart": True}
    contains(run("vm", "create", "demo", "-k", "x", code=4)[1], "Conflict: VM 'demo' exists already")
    rows = [line.split() for line in run("vm", "list")[0].splitlines()]
    assert rows[0] == ["NAME", "STATE", "VCPUS", "MEMORY", "UPTIME", "REASON"]
    assert rows[1] == ["demo", "stopped", "2", "1", "GiB", "-", "-"]
    assert run("vm", "start", "demo")[0] == "demo: running\n"
    contains(run("vm", "list")[0], "1m 1s")
    assert run("vm", "pause", "demo")[0] == "demo: paused\n"
    assert run("vm", "resume", "demo")[0] == "demo: running\n"
    assert run("vm", "reset", "demo")[0] == "demo: running\n"
    contains(run("vm", "delete", "demo", code=4)[1], "expected stopped or crashed")
    run("vm", "stop", "demo", "--timeout", "1500ms")
    assert json.loads(node.bodies[-1]) == {"timeout_ms": 1500}
    run("vm", "stop", "demo")
    assert json.loads(node.bodies[-1]) == {"timeout_ms": 10000}
    contains(run("vm", "show", "demo")[0], "vmlinuz", "console=ttyS0", "unknown MSRs     3", "2, weight 50")
    assert json.loads(run("vm", "show", "demo", "--json")[0]) == node.vms["demo"]
    assert json.loads(run("vm", "list", "--json")[0]) == {"items": [node.vms["demo"]]}
    assert run("vm", "logs", "demo")[0] == "boot\x1b[31mred\n"
    assert run("vm", "delete", "demo")[0] == "demo: deleted\n"
    contains(run("vm", "show", "demo", code=3)[1], "Not found: there is no VM 'demo'")
    problem, _ = run("vm", "show", "demo", "--json", code=3)
    assert json.loads(problem)["type"] == "urn:caisson:problem:not-found"


@test
def vm_from_a_file(b):
    node = b.node()
    path = b.write("vm.json", '{"name": "web", "kernel": "k", "vcpus": 1, "cmdline": "a"}')
    assert b.home.run("vm", "create", "-f", path, "-n4", "--start")[0] == "web: created, running\n"
    assert json.loads(node.bodies[0]) == {"name": "web", "kernel": "k", "vcpus": 4, "cmdline": "a"}
    assert node.requests[-1][1] == "/v1/vms/web/start"
    contains(b.home.run("vm", "create", "-f", "-", stdin=b'{"name":"x","kernel":"k","colour":1}', code=1)[1],
             "unknown field 'colour'")
    contains(b.home.run("vm", "create", "-f", b.write("bad.json", '{\n"name": 1,,}'), code=2)[1], "bad.json:2:")
    contains(b.home.run("vm", "create", "-f", b.write("list.json", "[]"), code=2)[1], "expected a JSON object")
    contains(b.home.run("vm", "create", "-f", "/no/such/file", code=8)[1], "No such file")


@test
def names_are_escaped(b):
    node = b.node()
    b.home.run("vm", "show", "a/b c?d#é", code=3)
    assert node.requests[-1][1] == "/v1/vms/a%2Fb%20c%3Fd%23%C3%A9"
    b.home.run("vm", "show", "..", code=2)
    b.home.run("vm", "show", "", code=2)


@test
def images(b):
    node = b.node()
    data = os.urandom(300000)
    path = b.write("vmlinuz", data)
    contains(b.home.run("image", "add", path)[0], "vmlinuz: 292.9 KiB, sha256")
    assert node.images["vmlinuz"]["size_bytes"] == len(data)
    contains(b.home.run("image", "add", path, code=4)[1], "exists already")
    b.home.run("image", "add", path, "busy")
    b.home.run("image", "add", b.write("empty", b""), "--name", "nothing")
    contains(b.home.run("image", "list")[0], "NAME", "292.9 KiB", "IN USE", "0 B", "yes")
    assert b.home.run("image", "list", "-q")[0] == "vmlinuz\nbusy\nnothing\n"
    contains(b.home.run("image", "remove", "busy", code=4)[1], "in use")
    b.home.run("image", "remove", "vmlinuz")
    b.home.run("image", "remove", "vmlinuz", code=3)
    contains(b.home.run("image", "add", "/no/such", code=8)[1], "No such file")
    contains(b.home.run("image", "add", b.folder, code=8)[1], "regular file")


@test
def upload_bar_on_a_terminal(b):
    node = b.node()
    t = Terminal(b.home, "image", "add", b.write("initrd", os.urandom(5000000)))
    t.expect(r"\[#{30}\] 100%  4.7 MiB of 4.7 MiB")
    contains(t.wait(0), "initrd: 4.7 MiB")
    assert node.images["initrd"]["size_bytes"] == 5000000


@test
def upload_hears_an_early_refusal(b):
    node = b.node()
    node.early_refusal = True
    try:
        contains(b.home.run("image", "add", b.write("big", bytes(40 << 20)), code=4)[1], "Conflict: exists")
    finally:
        node.released.set()


# ---- answers of all shapes

@test
def chunked_answers(b):
    node = b.node()
    node.vms["demo"] = {"name": "demo", "state": "crashed", "vcpus": 1, "memory_mib": 1, "uptime_ms": None,
                        "reason": "triple fault"}
    node.chunked = True
    contains(b.home.run("vm", "list")[0], "crashed", "triple fault")
    contains(b.home.run("vm", "show", "nope", code=3)[1], "no VM 'nope'")


@test
def hostile_answers(b):
    node = b.node()
    node.vms["x"] = {"name": "e\x1b]0;owned\x07\x1b[2J\u009b\u202e\n", "state": "running", "reason": "\ud83d\udca9 ok"}
    out = b.home.run("vm", "list")[0]
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out), ascii(out)
    contains(out, "e?]0;owned??[2J", "\U0001f4a9 ok")
    ok = b"HTTP/1.1 200 OK\r\n"
    cases = [b"", b"\r\n", b"HTTP/1.1 20\r\n\r\n", b"SSH-2.0\r\n\r\n", ok + b"Content-Length: -1\r\n\r\n",
             ok + b"Content-Length: 99999999999999999999\r\n\r\n", ok + b"Content-Length: 10\r\n\r\n{}",
             ok + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", ok + b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
             ok + b"Transfer-Encoding: chunked\r\n\r\n3\r\n{}xyz\r\n", ok + b"Transfer-Encoding: gzip\r\n\r\n",
             ok + b"No colon\r\n\r\n", ok + b"A: " + b"b" * 70000 + b"\r\n\r\n", ok + b"Content-Length: 2\r\n\r\n[}",
             ok + b"Content-Length: 17000000\r\n\r\n" + bytes(17000000), b"HTTP/1.1 100 C\r\n\r\n" * 20,
             ok + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 5000]
    for raw in cases:
        node.raw_answer = raw
        b.home.run("vm", "list", code=5)
    node.raw_answer = ok + b"\r\n{\"items\":[1,null,{},{\"name\":7,\"uptime_ms\":-1}],\"x\":{}}"
    b.home.run("vm", "list")
    node.raw_answer = b"HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nno!"
    contains(b.home.run("vm", "list", code=1)[1], "HTTP status 500")
    node.raw_answer = b"HTTP/1.1 302 X\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n"
    b.home.run("vm", "list", code=1)


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
