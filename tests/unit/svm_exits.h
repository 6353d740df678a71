/* SPDX-License-Identifier: Apache-2.0 */
/* Exits of SVM guests as recorded by `make record-exits` (tests/system/record_exits.py) in guest tests that passed: what the decoder was given and
 * what it answered. Data for tests/unit/test_svm_recorded.c. Do not edit. */
#ifndef TESTS_UNIT_SVM_EXITS_H
#define TESTS_UNIT_SVM_EXITS_H
#include "exit_alike.h"
#include "svm_exit_in.h"

struct svm_recorded { struct svm_exit_in in; struct hv_exit out; struct svm_decoded decoded; };
/* QEMU's TCG, CPU max */
static const struct svm_recorded svm_tcg[] = {
	{ .in.code = 0x14, .out.kind = HV_EXIT_SYSREG, .decoded.action = SVM_ACT_CR_WRITE },
	{ .in.code = 0x18, .out.kind = HV_EXIT_IRQ_WINDOW, .decoded.action = SVM_ACT_CR_WRITE },
	{ .in.code = 0x30, .out.kind = HV_EXIT_HOST, .decoded.action = SVM_ACT_DR },
	{ .in.code = 0x41, .out.kind = HV_EXIT_HOST, .decoded.action = SVM_ACT_REFLECT, .decoded.vector = 0x1 },
	{ .in.code = 0x60, .out.kind = HV_EXIT_HOST, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x64, .out.kind = HV_EXIT_IRQ_WINDOW, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x6f, .out.kind = HV_EXIT_HOST, .decoded.action = SVM_ACT_REFLECT, .decoded.vector = 0xd, .decoded.has_error = 0x1 },
	{ .in.code = 0x72, .in.rax = 0x80000001, .in.rbx = 0x6000, .in.rdx = 0x600, .out.kind = HV_EXIT_CPUID, .out.cpuid.leaf = 0x80000001, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x73, .out.kind = HV_EXIT_UNDEFINED, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x74, .out.kind = HV_EXIT_HOST, .decoded.action = SVM_ACT_IRET },
	{ .in.code = 0x76, .out.kind = HV_EXIT_SYSREG, .decoded.action = SVM_ACT_SKIP },
	{ .in.code = 0x77, .out.kind = HV_EXIT_PAUSE, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x78, .out.kind = HV_EXIT_IDLE, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x7a, .out.kind = HV_EXIT_UNDEFINED, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x7b, .in.info1 = 0x12300021, .in.info2 = 0x10014c, .in.rax = 0x1, .in.rbx = 0x1230, .in.rcx = 0x1, .in.rdx = 0x1230, .in.rsi = 0x117e98, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x1230, .out.pio.size = 0x2, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x10014c },
	{ .in.code = 0x7b, .in.info1 = 0x12300025, .in.info2 = 0x10037a, .in.rax = 0x1, .in.rbx = 0x108000, .in.rcx = 0x2, .in.rdx = 0x1230, .in.rsi = 0x117ea8, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x1230, .out.pio.size = 0x2, .out.pio.string = 0x1, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x10037a },
	{ .in.code = 0x7b, .in.info1 = 0x1230002d, .in.info2 = 0x100351, .in.rax = 0x108000, .in.rbx = 0x132, .in.rdx = 0x1230, .in.rsi = 0x7, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x1230, .out.pio.size = 0x2, .out.pio.string = 0x1, .out.pio.rep = 0x1, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x100351 },
	{ .in.code = 0x7b, .in.info1 = 0x12300040, .in.info2 = 0x10024b, .in.rax = 0x1, .in.rbx = 0x132, .in.rcx = 0x2, .in.rdx = 0x1230, .in.rsi = 0x117e98, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x1230, .out.pio.size = 0x4, .out.pio.write = 0x1, .out.pio.value = 0x1, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x10024b },
	{ .in.code = 0x7b, .in.info1 = 0x12300041, .in.info2 = 0x100163, .in.rax = 0x1, .in.rbx = 0x1230, .in.rcx = 0x1, .in.rdx = 0x1230, .in.rsi = 0x117e98, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x1230, .out.pio.size = 0x4, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x100163 },
	{ .in.code = 0x7b, .in.info1 = 0x1230004c, .in.info2 = 0x100454, .in.rax = 0x1, .in.rbx = 0x108000, .in.rcx = 0x3e8, .in.rdx = 0x1230, .in.rsi = 0x108000, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x1230, .out.pio.size = 0x4, .out.pio.write = 0x1, .out.pio.string = 0x1, .out.pio.rep = 0x1, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x100454 },
	{ .in.code = 0x7b, .in.info1 = 0x1230004d, .in.info2 = 0x10030a, .in.rax = 0x1, .in.rbx = 0x132, .in.rcx = 0x64, .in.rdx = 0x1230, .in.rsi = 0x117ea8, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x1230, .out.pio.size = 0x4, .out.pio.string = 0x1, .out.pio.rep = 0x1, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x10030a },
	{ .in.code = 0x7b, .in.info1 = 0x3f80010, .in.info2 = 0x101e1f, .in.rax = 0x6f, .in.rbx = 0x1037cc, .in.rcx = 0x10, .in.rdx = 0x3f8, .in.rsi = 0x20, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x3f8, .out.pio.size = 0x1, .out.pio.write = 0x1, .out.pio.value = 0x6f, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x101e1f },
	{ .in.code = 0x7b, .in.info1 = 0x3fd0011, .in.info2 = 0x101e06, .in.rax = 0x10, .in.rbx = 0x1037cc, .in.rcx = 0x10, .in.rdx = 0x3fd, .in.rsi = 0x20, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x3fd, .out.pio.size = 0x1, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x101e06 },
	{ .in.code = 0x7b, .in.info1 = 0x3ff0014, .in.info2 = 0x10042a, .in.rax = 0x1, .in.rbx = 0x108000, .in.rcx = 0x2, .in.rdx = 0x3ff, .in.rsi = 0x108029, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x3ff, .out.pio.size = 0x1, .out.pio.write = 0x1, .out.pio.string = 0x1, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x10042a },
	{ .in.code = 0x7b, .in.info1 = 0x3ff001c, .in.info2 = 0x1003ff, .in.rax = 0x65, .in.rbx = 0x108000, .in.rcx = 0x64, .in.rdx = 0x3ff, .in.rsi = 0x108000, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x3ff, .out.pio.size = 0x1, .out.pio.write = 0x1, .out.pio.string = 0x1, .out.pio.rep = 0x1, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x1003ff },
	{ .in.code = 0x7b, .in.info1 = 0x6040020, .in.info2 = 0x101e5d, .in.rax = 0x3400, .in.rbx = 0x68747541, .in.rcx = 0x2, .in.rdx = 0x604, .in.rsi = 0xa, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x604, .out.pio.size = 0x2, .out.pio.write = 0x1, .out.pio.value = 0x3400, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x101e5d },
	{ .in.code = 0x7b, .in.info1 = 0x71001d, .in.info2 = 0x100294, .in.rax = 0xd, .in.rbx = 0x132, .in.rcx = 0xc8, .in.rdx = 0x71, .out.kind = HV_EXIT_PIO, .out.pio.port = 0x71, .out.pio.size = 0x1, .out.pio.string = 0x1, .out.pio.rep = 0x1, .decoded.action = SVM_ACT_EXIT, .decoded.next_rip = 0x100294 },
	{ .in.code = 0x7c, .in.info1 = 0x1, .in.rax = 0x900, .in.rcx = 0xc0000080, .out.kind = HV_EXIT_WRMSR, .out.msr.index = 0xc0000080, .out.msr.value = 0x900, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x7c, .in.rax = 0x108000, .in.rcx = 0xc0000080, .in.rdx = 0x7f, .out.kind = HV_EXIT_RDMSR, .out.msr.index = 0xc0000080, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x7f, .in.int_info = 0x80000306, .out.kind = HV_EXIT_SHUTDOWN, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x80, .out.kind = HV_EXIT_UNDEFINED, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x81, .in.rax = 0x3039, .in.rbx = 0x68747541, .in.rcx = 0x444d4163, .in.rdx = 0x69746e65, .in.rsi = 0x117ed8, .out.kind = HV_EXIT_CALL, .out.call.nr = 0x3039, .out.call.args[0] = 0x68747541, .out.call.args[1] = 0x444d4163, .out.call.args[2] = 0x69746e65, .out.call.args[3] = 0x117ed8, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x82, .out.kind = HV_EXIT_UNDEFINED, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x83, .out.kind = HV_EXIT_UNDEFINED, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x84, .out.kind = HV_EXIT_UNDEFINED, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x85, .out.kind = HV_EXIT_UNDEFINED, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x86, .out.kind = HV_EXIT_UNDEFINED, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x89, .out.kind = HV_EXIT_SYSREG, .decoded.action = SVM_ACT_SKIP },
	{ .in.code = 0x8a, .out.kind = HV_EXIT_UNDEFINED, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x8b, .out.kind = HV_EXIT_UNDEFINED, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x8d, .in.rax = 0x1, .in.rbx = 0x10800, .in.rsi = 0x1, .out.kind = HV_EXIT_XSETBV, .out.xsetbv.value = 0x1, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x400, .in.info1 = 0x100000004, .in.info2 = 0x3e51100, .in.int_info = 0x80000490, .out.kind = HV_EXIT_STAGE2, .out.stage2.addr.v = 0x3e51100, .out.stage2.access = 0x1, .out.stage2.delivery = 0x1, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x400, .in.info1 = 0x100000004, .in.info2 = 0x3e5b000, .in.int_info = 0x80000202, .out.kind = HV_EXIT_STAGE2, .out.stage2.addr.v = 0x3e5b000, .out.stage2.access = 0x1, .out.stage2.delivery = 0x1, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x400, .in.info1 = 0x100000004, .in.info2 = 0x3e5d000, .in.int_info = 0x80000b0e, .out.kind = HV_EXIT_STAGE2, .out.stage2.addr.v = 0x3e5d000, .out.stage2.access = 0x1, .out.stage2.delivery = 0x1, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x400, .in.info1 = 0x100000004, .in.info2 = 0xfee00020, .out.kind = HV_EXIT_STAGE2, .out.stage2.addr.v = 0xfee00020, .out.stage2.access = 0x1, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x400, .in.info1 = 0x100000006, .in.info2 = 0x3e03ff8, .in.int_info = 0x80000b0e, .out.kind = HV_EXIT_STAGE2, .out.stage2.addr.v = 0x3e03ff8, .out.stage2.access = 0x2, .out.stage2.delivery = 0x1, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x400, .in.info1 = 0x100000006, .in.info2 = 0x3e13ff8, .in.int_info = 0x80000480, .out.kind = HV_EXIT_STAGE2, .out.stage2.addr.v = 0x3e13ff8, .out.stage2.access = 0x2, .out.stage2.delivery = 0x1, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x400, .in.info1 = 0x100000006, .in.info2 = 0x3e23ff8, .in.int_info = 0x80000202, .out.kind = HV_EXIT_STAGE2, .out.stage2.addr.v = 0x3e23ff8, .out.stage2.access = 0x2, .out.stage2.delivery = 0x1, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x400, .in.info1 = 0x100000006, .in.info2 = 0xfee000f0, .out.kind = HV_EXIT_STAGE2, .out.stage2.addr.v = 0xfee000f0, .out.stage2.access = 0x2, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x400, .in.info1 = 0x100000014, .in.info2 = 0xd0000000, .out.kind = HV_EXIT_STAGE2, .out.stage2.addr.v = 0xd0000000, .out.stage2.access = 0x4, .decoded.action = SVM_ACT_EXIT },
	{ .in.code = 0x400, .in.info1 = 0x200000006, .in.info2 = 0x3eff000, .out.kind = HV_EXIT_STAGE2, .out.stage2.addr.v = 0x3eff000, .out.stage2.access = 0x2, .out.stage2.walk = 0x1, .decoded.action = SVM_ACT_EXIT },
};

#endif
