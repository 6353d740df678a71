#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A CPU whose virtualisation is not good enough: the node comes up and is managed, says why guests cannot run, and refuses to start one
with the same reason."""
import sys

from lib.node import program
from lib.tiny import halt_guest

REASON = "AMD SVM without nested paging is not supported"


def managed(node):
    """The node is managed and says why it runs no guests"""
    virtualization = node.get("/v1/node")["virtualization"]
    assert REASON in str(virtualization), virtualization
    assert "hv: warning: guests cannot run: " + REASON in node.serial, node.serial[-2000:]


def refused(node):
    """A guest can be named and kept; its start is refused with the reason"""
    node.put_image("tiny", halt_guest())
    node.post("/v1/vms", {"name": "a", "kernel": "tiny", "memory_mib": 16}, 201)
    answer = node.want(503, "POST", "/v1/vms/a/start")
    assert REASON in answer.json()["detail"], answer
    assert node.vm("a")["state"] == "stopped", node.vm("a")
    node.delete("/v1/vms/a")


if __name__ == "__main__":
    sys.exit(program([managed, refused], cpu="EPYC-v4,+svm,-npt", cpus=1))
