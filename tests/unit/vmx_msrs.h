/* SPDX-License-Identifier: Apache-2.0 */
/* Capability MSRs of Intel CPUs as recorded on Bochs' models of them (SDM 3D appendix A). Data for the tests of the VMX backend. */
#ifndef TESTS_UNIT_VMX_MSRS_H
#define TESTS_UNIT_VMX_MSRS_H
#include <fake/fake_vmx.h>

/* All that is wanted. */
static const struct vmx_msrs skylake = {
	.basic = 0xd810000000002b, .pin = 0xff00000016, .proc = 0xfff9fffe04006172, .exit = 0x407fffff00036dfb, .entry = 0xffff000011fb,
	.misc = 0x600401e0, .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x3727ff,
	.proc2 = 0x2577fff00000000, .ept_vpid = 0xf0106734141, .signature = 0x50654, .rdtscp = true, .invpcid = true, .xsaves = true,
};
/* The same in newer clothes. */
static const struct vmx_msrs icelake = {
	.basic = 0xd8100000000004, .pin = 0xff00000016, .proc = 0xfff9fffe04006172, .exit = 0x407fffff00036dfb, .entry = 0xffff000011fb,
	.misc = 0x600401e0, .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x772fff,
	.proc2 = 0x2d77fff00000000, .ept_vpid = 0xf0106734141, .signature = 0x706e5, .rdtscp = true, .invpcid = true, .xsaves = true,
};
/* No posted interrupts, no XSAVES. */
static const struct vmx_msrs haswell = {
	.basic = 0xd810000000002b, .pin = 0x7f00000016, .proc = 0xfff9fffe04006172, .exit = 0x407fffff00036dfb, .entry = 0xffff000011fb,
	.misc = 0x200401e0, .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x1727ff,
	.proc2 = 0x47fff00000000, .ept_vpid = 0xf0106334141, .signature = 0x306c3, .rdtscp = true, .invpcid = true,
};
/* No virtual-interrupt delivery, no accessed and dirty bits in EPT, no PAUSE-loop exiting. */
static const struct vmx_msrs ivy_bridge = {
	.basic = 0xd810000000002b, .pin = 0x7f00000016, .proc = 0xfff9fffe04006172, .exit = 0x407fffff00036dfb, .entry = 0xffff000011fb,
	.misc = 0x401e0, .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x1727ff,
	.proc2 = 0x8ff00000000, .ept_vpid = 0xf0106114141, .signature = 0x306a9, .rdtscp = true,
};
/* No unrestricted guest. */
static const struct vmx_msrs lynnfield = {
	.basic = 0xd810000000002b, .pin = 0x7f00000016, .proc = 0xfff9fffe04006172, .exit = 0x407fffff00036dfb, .entry = 0xffff000011fb,
	.misc = 0x401e0, .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x67ff,
	.proc2 = 0x7f00000000, .ept_vpid = 0xf0106114141, .rdtscp = true,
};
/* No EPT. */
static const struct vmx_msrs penryn = {
	.basic = 0xd810000000002b, .pin = 0x3f00000016, .proc = 0xf7f9fffe04006172, .exit = 0x4003ffff00036dfb, .entry = 0x3fff000011fb,
	.misc = 0x401e0, .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x427ff, .proc2 = 0x4100000000,
};

#endif
