/* SPDX-License-Identifier: Apache-2.0 */
/* EL2's syndromes decoded: recorded under QEMU's TCG (cortex-a76) where it can be made to say so, else as the architecture describes them. Host
 * only. */
#include <core/arith.h>
#include <unit/tap.h>
#include "../../../vmm/aarch64/el2.h"

static struct arch_regs regs;
static struct el2_decoded d;

static struct hv_exit decode(unsigned code, uint64_t esr, uint64_t far, uint64_t hpfar)
{
	const struct el2_exit_in in = { .code = code, .s = { esr, far, hpfar }, .regs = &regs };
	struct hv_exit e;

	el2_exit_decode(&in, &e, &d);
	return e;
}

static struct hv_exit sync(uint64_t esr)
{
	return decode(HW_EXIT_SYNC, esr, 0, 0);
}

static void test_plain(void)
{
	static const uint8_t undefined[] = { 0x00, 0x07, 0x09, 0x0a, 0x19, 0x1a, 0x1d };
	static const uint8_t never[] = { 0x03, 0x05, 0x0e, 0x11, 0x15, 0x22, 0x26, 0x2c, 0x30, 0x32, 0x34, 0x3c, 0x3f };

	ok_eq(sync(0x07e00000).kind, HV_EXIT_IDLE, "WFI, recorded");
	ok_eq(d.step, 4, "to be stepped over");
	ok_eq(sync(0x07e00001).kind, HV_EXIT_PAUSE, "WFE");
	ok_eq(sync(0x07e00002).kind, HV_EXIT_UNDEFINED, "WFIT is not offered");
	ok_eq(sync(0x07e00003).kind, HV_EXIT_UNDEFINED, "nor WFET");
	for (unsigned i = 0; i < ARRAY_LEN(undefined); i++)
		ok(sync((uint64_t)undefined[i] << 26 | 1u << 25).kind == HV_EXIT_UNDEFINED, "class 0x%02x is undefined for the guest", undefined[i]);
	for (unsigned i = 0; i < ARRAY_LEN(never); i++)
		ok(sync((uint64_t)never[i] << 26 | 1u << 25).kind == HV_EXIT_INVALID, "class 0x%02x was not asked for", never[i]);
	ok_eq(decode(HW_EXIT_IRQ, 0x93810005, 0, 0).kind, HV_EXIT_HOST, "an interrupt, whatever the syndrome was before");
	ok_eq(decode(HW_EXIT_FIQ, 0, 0, 0).kind, HV_EXIT_HOST, "a fast interrupt");
	ok_eq(decode(HW_EXIT_SERROR, 0xbe000000, 0, 0).kind, HV_EXIT_INVALID, "SError ends the guest");
	for (unsigned code = HW_EXIT_AARCH32; code < HW_EXIT_AARCH32 + 4; code++)
		ok(decode(code, 0x07e00000, 0, 0).kind == HV_EXIT_INVALID, "exit %u from AArch32 ends it", code);
	ok(el2_exit_is_fp(0x1fe00000) && !el2_exit_is_fp(0x5a000000), "FP, recorded");
}

static void test_calls(void)
{
	struct hv_exit e;

	regs.x[0] = 0xffffffffc4000003;
	for (unsigned i = 1; i < 6; i++)
		regs.x[i] = 0x1111111111111111ull * i;
	e = sync(0x5a000000);
	ok(e.kind == HV_EXIT_CALL && e.call.nr == 0xc4000003 && e.call.args[0] == 0x1111111111111111 && e.call.args[3] == 0x4444444444444444,
	   "HVC #0, recorded: the function is W0, arguments from X1");
	ok_eq(d.step, 0, "PC is behind it");
	e = sync(0x5e000000);
	ok(e.kind == HV_EXIT_CALL && e.call.nr == 0xc4000003, "SMC #0");
	ok_eq(d.step, 4, "PC is at it");
	ok_eq(sync(0x5a000005).call.nr, -1, "an immediate that is not zero is no function");
}

static void test_sysregs(void)
{
	struct hv_exit e;

	regs.x[0] = 0x1234;
	e = sync(0x6234f805);
	ok(e.kind == HV_EXIT_SYSREG && e.sysreg.encoding == ARM_SYSREG(3, 3, 14, 2, 2) && !e.sysreg.write && e.sysreg.rt == 0,
	   "MRS x0, CNTP_CVAL_EL0, recorded");
	e = sync(0x6234f804);
	ok(e.sysreg.write && e.sysreg.value == 0x1234, "MSR, recorded: with its value");
	e = sync(0x6230000d);
	ok(e.sysreg.encoding == ARM_SYSREG(3, 0, 0, 6, 0), "MRS x0, ID_AA64ISAR0_EL1, recorded");
	e = sync(0x62280001);
	ok(e.sysreg.encoding == ARM_SYSREG(2, 0, 0, 0, 4), "MRS x0, DBGBVR0_EL1, recorded");
	e = sync(0x62300000 | 31u << 5);
	ok(e.sysreg.write && e.sysreg.rt == 31 && e.sysreg.value == 0, "MSR of XZR");
	ok(el2_exit_is_debug(0x62280001), "DBGBVR0_EL1 is loaded at its first use");
	ok(el2_exit_is_debug(0x62240004), "MDSCR_EL1, recorded");
	ok(!el2_exit_is_debug(0x6234f805), "a timer's is not");
	ok(!el2_exit_is_debug(0x22240004), "nor another class");
}

static void test_aborts(void)
{
	struct hv_exit e = decode(HW_EXIT_SYNC, 0x93810005, 0x09000018, 0x90000);

	ok(e.kind == HV_EXIT_STAGE2 && e.stage2.addr.v == 0x09000018 && e.stage2.access == GMEM_R && !e.stage2.walk, "a load, recorded");
	e = decode(HW_EXIT_SYNC, 0x93800045, 0xffff800080123000, 0x90000);
	ok(e.stage2.addr.v == 0x09000000 && e.stage2.access == GMEM_W, "a store, recorded: low bits from FAR_EL2, the page from HPFAR_EL2");
	e = decode(HW_EXIT_SYNC, 0x93800145, 0xffff800080123040, 0x90000);
	ok_eq(e.stage2.access, GMEM_R, "cache maintenance reads, whatever it says");
	e = decode(HW_EXIT_SYNC, 0x82000007, 0xffff800080001238, 0x402340);
	ok(e.stage2.access == GMEM_X && e.stage2.addr.v == 0x40234238, "a fetch");
	e = decode(HW_EXIT_SYNC, 0x82000087, 0xffff800080001238, 0x402340);
	ok(e.stage2.walk && e.stage2.access == GMEM_R && e.stage2.addr.v == 0x40234000, "the walk for a fetch: it reads a table, whose place in the page is not told");
	e = decode(HW_EXIT_SYNC, 0x920000c7, 0xffff800080001238, 0x402340);
	ok(e.stage2.walk && e.stage2.access == GMEM_W && e.stage2.addr.v == 0x40234000, "a walk that writes an access flag");
	e = decode(HW_EXIT_SYNC, 0x9200000f, 0xffff800080001238, 0x402340);
	ok(e.kind == HV_EXIT_STAGE2 && e.stage2.addr.v == ARM_GPA_UNKNOWN, "a permission fault does not tell the address");
	e = decode(HW_EXIT_SYNC, 0x9200008f, 0xffff800080001238, 0x402340);
	ok_eq(e.stage2.addr.v, 0x40234000, "but on a walk");
	e = decode(HW_EXIT_SYNC, 0x92000004, 0, 0x80000ffffffffff0);
	ok_eq(e.stage2.addr.v, 0x0000fffffffff000, "48 bits of address, and not the security state");
	e = sync(0x92000010);
	ok(e.kind == HV_EXIT_HOST && d.action == EL2_ACT_ABORT, "an error of the machine's memory goes to the guest");
	(void)sync(0x92000035);
	ok_eq(d.action, EL2_ACT_ABORT, "so does an atomic access that memory does not take");
	(void)sync(0x92000030);
	ok_eq(d.action, EL2_ACT_TLB, "a TLB conflict");
}

static enum arm_access access_of(uint64_t esr, uint64_t addr, struct hv_exit *e)
{
	*e = (struct hv_exit){ .kind = HV_EXIT_STAGE2 };
	e->stage2.addr = GPA(addr);
	return el2_exit_access(esr, &regs, e);
}

static void test_access(void)
{
	struct hv_exit e;

	regs.x[1] = 0xaabbccddeeff0011;
	ok(access_of(0x93810005, 0x09000018, &e) == ACCESS_MMIO && e.kind == HV_EXIT_MMIO && e.mmio.addr.v == 0x09000018 && e.mmio.size == 4 && !e.mmio.write &&
	   e.mmio.reg == 1 && e.mmio.reg_size == 4 && !e.mmio.sign_extend, "LDR w1, recorded");
	ok(access_of(0x93c08005, 0x08000000, &e) == ACCESS_MMIO && e.mmio.size == 8 && e.mmio.reg_size == 8 && e.mmio.reg == 0, "LDR x0, recorded");
	ok(access_of(0x93338005, 0x08000000, &e) == ACCESS_MMIO && e.mmio.size == 1 && e.mmio.sign_extend && e.mmio.reg == 19 && e.mmio.reg_size == 8, "LDRSB x19, recorded");
	ok(access_of(0x93810045, 0x09000000, &e) == ACCESS_MMIO && e.mmio.write && e.mmio.size == 4 && e.mmio.value == 0xaabbccddeeff0011, "STR w1: the bus cuts the value");
	ok(access_of(0x939f0045, 0x09000000, &e) == ACCESS_MMIO && e.mmio.value == 0, "STR wzr");
	ok(access_of(0x92000005, 0x09000000, &e) == ACCESS_UNKNOWN && e.kind == HV_EXIT_STAGE2, "LDP, recorded: not described");
	ok(access_of(0x92000145, 0x09000000, &e) == ACCESS_NONE, "cache maintenance");
	ok(access_of(0x93c08005, 0x08000ffc, &e) == ACCESS_UNKNOWN, "an access over the end of a page is not what the syndrome says");
	ok(access_of(0x93810005, 0x08000ffc, &e) == ACCESS_MMIO, "one up to it is");
	ok(access_of(0x82000007, 0x08000000, &e) == ACCESS_UNKNOWN, "a fetch is none");
}

int main(void)
{
	test_plain();
	test_calls();
	test_sysregs();
	test_aborts();
	test_access();
	return tap_done();
}
