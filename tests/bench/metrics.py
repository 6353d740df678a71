# SPDX-License-Identifier: Apache-2.0
"""What the bench measures: a table of each architecture, a row a metric. Knows nothing of how a side is run.

A goal is a number that Caisson's figure should not pass, or Of(share) of the figure of Linux with KVM, or OfMetric(name, share) of Caisson's
own figure of another metric. run: the function of a side's module that gives the figure; sides: which sides give one. A metric that a side
should give and does not is missing, and the bench fails.
"""
CAISSON, LINUX = "caisson", "linux"
BOTH, OWN = (CAISSON, LINUX), (CAISSON,)


class Of:
    """A goal that depends on the other side."""

    def __init__(self, share):
        self.share = share


class OfMetric:
    """A goal that depends on another metric of Caisson's, which is measured for it."""

    def __init__(self, name, share):
        self.name, self.share = name, share


class Metric:
    def __init__(self, name, text, goal=None, unit="insn", run="exits", sides=BOTH):
        self.name, self.text, self.goal, self.unit, self.run, self.sides = name, text, goal, unit, run, sides

    def goal_number(self, found):
        """The goal as a number, by {side: {metric: figure}}; None: there is none, or what it depends on is missing."""
        if not isinstance(self.goal, (Of, OfMetric)):
            return self.goal
        base = found[LINUX].get(self.name) if isinstance(self.goal, Of) else found[CAISSON].get(self.goal.name)
        return None if base is None else self.goal.share * base


EXITS = [
    # Exit round trips: instructions from the guest's to its next, the loop around them taken off.
    Metric("cpuid", "CPUID", 300),
    Metric("hypercall", "hypercall (VMMCALL)", 250),
    Metric("rdmsr", "RDMSR", 350),
    Metric("out", "OUT to an emulated device", 400),
    Metric("in", "IN from it", 400),
    Metric("mmio_write", "MMIO write to an emulated device", 700),
    Metric("mmio_read", "MMIO read of it", 700),
    Metric("ioapic_read", "MMIO read of the I/O APIC", 700),
    Metric("pmtimer", "IN from the PM timer", 400, sides=OWN),
    Metric("notify_pio", "virtio notify by a port (KVM: ioeventfd)", 450),
    Metric("notify_mmio", "virtio notify by memory (KVM: ioeventfd)", 450),
    # Host instructions alone.
    Metric("timer_spin", "timer, armed to handled, guest at work", Of(0.25)),
    Metric("timer_halt", "timer, armed to handled, guest asleep", Of(0.25)),
    Metric("touch_4k", "first touch of memory, mean of a 4 KiB page", 1200 + 512),
    Metric("touch_2m", "first touch of a whole 2 MiB range", 1200 + 262144),
    Metric("touch_2m_faults", "faults on the way", 1, "faults"),
]
VMX_SHARE = 1.1  # how much dearer an exit may be by VT-x than by SVM
X86_64 = [
    *EXITS,
    # Time, not instructions, between two CPUs of a machine that does not count (ipi.py).
    Metric("ipi_spin_p50", "IPI to a vCPU at work on another CPU, median", Of(1), "ns", "ipi"),
    Metric("ipi_spin_p99", "the same, 99th percentile", Of(1), "ns", "ipi"),
    Metric("ipi_halt_p50", "IPI to a vCPU asleep on another CPU, median", Of(1), "ns", "ipi"),
    Metric("ipi_halt_p99", "the same, 99th percentile", Of(1), "ns", "ipi"),
    # Beside the number of instructions: what an exit drags through the caches.
    Metric("lines_code", "CPUID: lines of code touched", None, "lines", "lines"),
    Metric("lines_data", "CPUID: lines of data touched", None, "lines", "lines"),
    Metric("vmcb_reads", "CPUID: loads from the VMCB", None, "loads", "lines", OWN),
    Metric("vmcb_writes", "CPUID: stores to the VMCB", None, "stores", "lines", OWN),
    # The same exits by VT-x: Caisson on an Intel CPU that Bochs emulates, in its ticks, which are instructions too.
    *(Metric("vmx_" + m.name, "VT-x: " + m.text.split(" (")[0], OfMetric(m.name, VMX_SHARE), m.unit, "vmx", OWN) for m in EXITS),
    Metric("vmx_vmcs_reads", "VT-x: CPUID: VMREADs", None, "reads", "vmx", OWN),
    Metric("vmx_vmcs_writes", "VT-x: CPUID: VMWRITEs", None, "writes", "vmx", OWN),
    # A Linux guest of 128 MiB and one vCPU, from the API's start, or exec of the monitor, to its first instruction and to its /init.
    Metric("launch_entry", "start to the guest's first instruction", 0.25, "M insn", "launch"),
    Metric("launch_host", "start to the guest's /init, host's part", 1.0, "M insn", "launch"),
    Metric("launch_guest", "the same, guest's part", None, "M insn", "launch"),
    Metric("launch_entries", "the same, entries into the guest", None, "entries", "launch"),
    Metric("node_memory", "memory before any guest", 16, "MiB", "memory"),
    Metric("vm_memory", "memory of an idle VM beside its guest's", 48, "KiB", "memory"),
    # Linux guests that sleep, as many as counted.MANY, one started after the other; on Linux without transparent large pages.
    Metric("many_memory", "each of 8 idle microVMs, in all", None, "MiB", "many"),
    Metric("many_beside", "the same, beside its guest's memory", None, "KiB", "many"),
    Metric("many_start", "start to /init, host's part, last over first", 1.1, "ratio", "many"),
    # A thousand at once, of a kernel that halts (crowd.py). Caisson gives a guest 2 MiB at its first touch, Linux here 4 KiB.
    Metric("crowd_vms", "idle microVMs at once, of a kernel that halts", None, "VMs", "crowd"),
    Metric("crowd_memory", "each of them, in all", None, "KiB", "crowd"),
    Metric("crowd_beside", "the same, beside its guest's memory", 48, "KiB", "crowd"),
    Metric("crowd_host", "creation to the guest's word, host's part, last", None, "M insn", "crowd"),
    Metric("crowd_start", "the same, last over first", 1.1, "ratio", "crowd"),
    # A client with a certificate, TLS 1.3, P-256; on Linux nginx gives a file of about the same size.
    Metric("https_get", "GET /v1/node on a kept connection", Of(1), "insn", "https"),
    Metric("https_handshake", "TCP connection, full handshake, and its end", Of(1), "insn", "https"),
    Metric("https_body", "the answer's size", None, "bytes", "https"),
    # From the image's entry, or the kernel's, to what can be managed (on Linux: to KVM, without a server), and to a guest's first instruction.
    Metric("boot_api", "boot to the API", 60, "M insn", "boot"),
    Metric("boot_guest", "boot to the first guest's first instruction", 60, "M insn", "boot"),
    Metric("image_size", "image on disk, without guests", 3, "MiB", "size"),
]

THIRD = Of(1 / 3)
AARCH64 = [
    # Counted as above; KVM with VHE.
    Metric("hypercall", "hypercall (HVC, PSCI_VERSION)", THIRD),
    Metric("sysreg", "read of an ID register", THIRD),
    Metric("mmio_write", "MMIO write to an emulated device", THIRD),
    Metric("mmio_read", "MMIO read of it", THIRD),
    Metric("gicd_read", "MMIO read of the GIC's distributor", THIRD),
    Metric("notify_mmio", "virtio notify (KVM: ioeventfd)", THIRD),
    Metric("sgi_self", "SGI to itself, sent to ended", THIRD),
    # Host instructions alone.
    Metric("sgi", "SGI to a vCPU that sleeps, sent to handled", THIRD),
    Metric("timer_spin", "timer, armed to handled, guest at work", THIRD),
    Metric("timer_halt", "timer, armed to handled, guest asleep", THIRD),
    Metric("touch_4k", "first touch of memory, mean of a 4 KiB page", THIRD),
    Metric("touch_2m", "first touch of a whole 2 MiB range", Of(1)),
    Metric("touch_2m_faults", "faults on the way", 1, "faults"),
    Metric("lines_code", "HVC: lines of code touched", None, "lines", "lines"),
    Metric("lines_data", "HVC: lines of data touched", None, "lines", "lines"),
]
METRICS = {"x86_64": X86_64, "aarch64": AARCH64}
