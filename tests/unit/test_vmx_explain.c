/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule a refused guest's state breaks: legal states of every mode are found legal, then one field at a time is spoilt. Host only. */
#include "tap.h"
#include "vmx_msrs.h"
#include <core/arith.h>
#include <vmm/x86_64/cpuid.h>

struct cell { uint32_t field; uint64_t value; };
static struct cell cells[96];
static unsigned used;

static void put(uint32_t field, uint64_t value)
{
	for (unsigned i = 0; i < used; i++)
		if (cells[i].field == field) {
			cells[i].value = value;
			return;
		}
	if (used < ARRAY_LEN(cells))
		cells[used++] = (struct cell){ field, value };
}

static uint64_t get(uint32_t field)
{
	for (unsigned i = 0; i < used; i++)
		if (cells[i].field == field)
			return cells[i].value;
	return 0;
}

#define SEL(i) (VMCS_GUEST_ES_SEL + 2 * (i))
#define BASE(i) (VMCS_GUEST_ES_BASE + 2 * (i))
#define LIMIT(i) (VMCS_GUEST_ES_LIMIT + 2 * (i))
#define RIGHTS(i) (VMCS_GUEST_ES_RIGHTS + 2 * (i))

static void seg(unsigned i, uint64_t sel, uint64_t base, uint64_t limit, uint64_t rights)
{
	put(SEL(i), sel);
	put(BASE(i), base);
	put(LIMIT(i), limit);
	put(RIGHTS(i), rights);
}

/* What a 64-bit kernel runs with. */
static void wide(void)
{
	used = 0;
	put(VMCS_GUEST_CR0, 0x80050033);
	put(VMCS_GUEST_CR3, 0x1000);
	put(VMCS_GUEST_CR4, 0x2060);
	put(VMCS_GUEST_EFER, 0xd01);
	put(VMCS_GUEST_PAT, 0x0007040600070406);
	put(VMCS_GUEST_DR7, 0x400);
	put(VMCS_ENTRY_CONTROLS, VMX_ENTRY_GUEST_64);
	put(VMCS_GUEST_RIP, 0xffffffff81000000);
	put(VMCS_GUEST_RFLAGS, 0x202);
	put(VMCS_LINK, UINT64_MAX);
	for (unsigned i = SEG_ES; i <= SEG_GS; i++)
		seg(i, 0x18, 0, 0xffffffff, 0xc093);
	seg(SEG_CS, 0x10, 0, 0xffffffff, 0xa09b);
	seg(SEG_GS, 0, 0xffff888000000000, 0xffffffff, 0x1c000);
	seg(SEG_LDTR, 0, 0, 0, VMX_RIGHTS_UNUSABLE);
	seg(SEG_TR, 0x40, 0xfffffe0000003000, 0x206f, 0x8b);
	put(BASE(SEG_GDTR), 0xfffffe0000001000), put(LIMIT(SEG_GDTR), 0x7f);
	put(BASE(SEG_IDTR), 0xfffffe0000000000), put(LIMIT(SEG_IDTR), 0xfff);
}

/* 32-bit protected mode with PAE paging, no 64-bit guest. */
static void pae(void)
{
	wide();
	put(VMCS_ENTRY_CONTROLS, 0);
	put(VMCS_GUEST_EFER, 0);
	put(VMCS_GUEST_RIP, 0x1000);
	seg(SEG_CS, 0x10, 0, 0xffffffff, 0xc09b);
	put(VMCS_GUEST_PDPTE0, 0x5001);
}

/* After reset. */
static void real(void)
{
	wide();
	put(VMCS_ENTRY_CONTROLS, 0);
	put(VMCS_GUEST_CR0, 0x30);
	put(VMCS_GUEST_CR4, 0x2040);
	put(VMCS_GUEST_EFER, 0);
	put(VMCS_GUEST_RIP, 0xfff0);
	put(VMCS_GUEST_RFLAGS, 2);
	for (unsigned i = SEG_ES; i <= SEG_GS; i++)
		seg(i, 0, 0, 0xffff, 0x93);
	seg(SEG_CS, 0xf000, 0xffff0000, 0xffff, 0x9b);
	seg(SEG_TR, 0, 0, 0xffff, 0x8b);
	seg(SEG_LDTR, 0, 0, 0xffff, 0x82);
}

static void v86(void)
{
	pae();
	put(VMCS_GUEST_RFLAGS, 0x20202);
	for (unsigned i = SEG_ES; i <= SEG_GS; i++)
		seg(i, 0x1000 + i, (0x1000ull + i) << 4, 0xffff, 0xf3);
}

static const struct { const char *name; void (*state)(void); } modes[] = { { "64-bit", wide }, { "PAE", pae }, { "real", real }, { "virtual-8086", v86 } };
enum { WIDE, PAE, REAL, V86 };

/* One spoilt field, or two where one alone is another rule's. part: what the words must hold. */
static const struct { uint8_t mode; struct cell a, b; const char *part; } rows[] = {
	{ WIDE, { VMCS_GUEST_CR0, 0x80050013 }, { 0 }, "CR0 (fixed bits)" },
	{ WIDE, { VMCS_GUEST_CR0, 0x80050032 }, { 0 }, "CR0 (PG without PE)" },
	{ WIDE, { VMCS_GUEST_CR4, 0x60 }, { 0 }, "CR4 (fixed bits)" },
	{ WIDE, { VMCS_GUEST_CR0, 0x33 }, { 0 }, "CR0 (64-bit guest without PG)" },
	{ WIDE, { VMCS_GUEST_CR4, 0x2040 }, { 0 }, "CR4 (64-bit guest without PAE)" },
	{ PAE, { VMCS_GUEST_CR4, 0x22060 }, { 0 }, "CR4 (PCIDE" },
	{ WIDE, { VMCS_GUEST_CR3, 1ull << 52 }, { 0 }, "CR3" },
	{ WIDE, { VMCS_GUEST_DEBUGCTL, 4 }, { 0 }, "DEBUGCTL" },
	{ WIDE, { VMCS_GUEST_DR7, 1ull << 32 | 0x400 }, { 0 }, "DR7" },
	{ WIDE, { VMCS_GUEST_SYSENTER_ESP, 1ull << 47 }, { 0 }, "SYSENTER_ESP" },
	{ WIDE, { VMCS_GUEST_SYSENTER_EIP, 1ull << 63 }, { 0 }, "SYSENTER_EIP" },
	{ WIDE, { VMCS_GUEST_PAT, 0x0007040600070206 }, { 0 }, "PAT" },
	{ WIDE, { VMCS_GUEST_EFER, 0x1d01 }, { 0 }, "EFER (reserved" },
	{ WIDE, { VMCS_GUEST_EFER, 0x901 }, { 0 }, "EFER (LMA is not the entry control)" },
	{ WIDE, { VMCS_GUEST_EFER, 0xc01 }, { 0 }, "EFER (LMA is not LME" },
	{ PAE, { VMCS_GUEST_EFER, 0x400 }, { 0 }, "EFER (LMA is not the entry control)" },
	{ WIDE, { RIGHTS(SEG_CS), 0xa091 }, { 0 }, "CS: type" },
	{ REAL, { RIGHTS(SEG_CS), 0xf3 }, { 0 }, "CS: DPL of type 3" },
	{ WIDE, { RIGHTS(SEG_CS), 0xa0fb }, { 0 }, "CS: DPL must be that of SS" },
	{ WIDE, { RIGHTS(SEG_CS), 0xa0ff }, { 0 }, "CS: DPL must not be above" },
	{ WIDE, { RIGHTS(SEG_CS), 0xe09b }, { 0 }, "CS: L excludes D" },
	{ WIDE, { RIGHTS(SEG_CS), 0xa08b }, { 0 }, "CS: must be code or data" },
	{ WIDE, { RIGHTS(SEG_CS), 0xa01b }, { 0 }, "CS: must be present" },
	{ WIDE, { RIGHTS(SEG_CS), 0xa19b }, { 0 }, "CS: rights have reserved" },
	{ WIDE, { LIMIT(SEG_CS), 0xfffffffe }, { 0 }, "CS: a limit in bytes" },
	{ WIDE, { RIGHTS(SEG_CS), 0x209b }, { 0 }, "CS: a limit in pages" },
	{ WIDE, { BASE(SEG_CS), 1ull << 32 }, { 0 }, "CS: base" },
	{ REAL, { RIGHTS(SEG_SS), 0xf3 }, { RIGHTS(SEG_CS), 0xfb }, "SS: DPL must be 0 in real mode" },
	{ WIDE, { RIGHTS(SEG_SS), 0xc091 }, { 0 }, "SS: type" },
	{ WIDE, { RIGHTS(SEG_SS), 0xc013 }, { 0 }, "SS: must be present" },
	{ WIDE, { BASE(SEG_SS), 1ull << 32 }, { 0 }, "SS: base" },
	{ WIDE, { RIGHTS(SEG_DS), 0xc092 }, { 0 }, "DS: must be accessed" },
	{ WIDE, { RIGHTS(SEG_ES), 0xc099 }, { 0 }, "ES: code must be readable" },
	{ WIDE, { RIGHTS(SEG_FS), 0xc083 }, { 0 }, "FS: must be code or data" },
	{ WIDE, { BASE(SEG_DS), 1ull << 32 }, { 0 }, "DS: base is too wide" },
	{ WIDE, { BASE(SEG_GS), 1ull << 47 }, { 0 }, "GS: base is not canonical" },
	{ V86, { BASE(SEG_DS), 0 }, { 0 }, "DS: base must be selector" },
	{ V86, { LIMIT(SEG_CS), 0xfffff }, { 0 }, "CS: limit must be ffff" },
	{ V86, { RIGHTS(SEG_GS), 0x93 }, { 0 }, "GS: rights must be f3" },
	{ WIDE, { SEL(SEG_TR), 0x44 }, { 0 }, "TR: must be in the GDT" },
	{ WIDE, { BASE(SEG_TR), 1ull << 47 }, { 0 }, "TR: base" },
	{ WIDE, { RIGHTS(SEG_TR), 0x1008b }, { 0 }, "TR: must be usable" },
	{ WIDE, { RIGHTS(SEG_TR), 0x83 }, { 0 }, "TR: type must be 11" },
	{ PAE, { RIGHTS(SEG_TR), 0x89 }, { 0 }, "TR: type must be 3 or 11" },
	{ WIDE, { RIGHTS(SEG_TR), 0x9b }, { 0 }, "TR: must be a system segment" },
	{ WIDE, { LIMIT(SEG_TR), 0x100067 }, { 0 }, "TR: a limit in pages" },
	{ REAL, { SEL(SEG_LDTR), 4 }, { 0 }, "LDTR: must be in the GDT" },
	{ REAL, { RIGHTS(SEG_LDTR), 0x83 }, { 0 }, "LDTR: type" },
	{ REAL, { BASE(SEG_LDTR), 1ull << 47 }, { 0 }, "LDTR: base" },
	{ WIDE, { BASE(SEG_GDTR), 1ull << 47 }, { 0 }, "GDTR: base" },
	{ WIDE, { LIMIT(SEG_IDTR), 0x10000 }, { 0 }, "IDTR: limit" },
	{ PAE, { VMCS_GUEST_RIP, 1ull << 32 }, { 0 }, "RIP (32-bit code)" },
	{ WIDE, { VMCS_GUEST_RIP, 1ull << 47 }, { 0 }, "RIP (not canonical)" },
	{ WIDE, { VMCS_GUEST_RFLAGS, 0x200 }, { 0 }, "RFLAGS (reserved" },
	{ WIDE, { VMCS_GUEST_RFLAGS, 0x20a }, { 0 }, "RFLAGS (reserved" },
	{ REAL, { VMCS_GUEST_RFLAGS, 2 }, { VMCS_ENTRY_EVENT, GUEST_EVENT_VALID | 0x20 }, "IF clear" },
	{ WIDE, { VMCS_GUEST_ACTIVITY, 4 }, { 0 }, "no such state" },
	{ WIDE, { VMCS_GUEST_ACTIVITY, 1 }, { VMCS_GUEST_INTERRUPTIBILITY, 1 }, "not active in a shadow" },
	{ WIDE, { VMCS_GUEST_INTERRUPTIBILITY, 3 }, { 0 }, "STI and MOV SS" },
	{ WIDE, { VMCS_GUEST_INTERRUPTIBILITY, 0x20 }, { 0 }, "interruptibility (reserved" },
	{ REAL, { VMCS_GUEST_INTERRUPTIBILITY, 1 }, { 0 }, "STI with IF clear" },
	{ WIDE, { VMCS_GUEST_INTERRUPTIBILITY, 2 }, { VMCS_ENTRY_EVENT, GUEST_EVENT_VALID | 0x20 }, "injected in a shadow" },
	{ WIDE, { VMCS_GUEST_INTERRUPTIBILITY, 8 }, { VMCS_ENTRY_EVENT, GUEST_EVENT_NMI_NOW }, "NMI injected" },
	{ WIDE, { VMCS_GUEST_INTERRUPTIBILITY, 1 }, { VMCS_GUEST_RFLAGS, 0x302 }, "single step and TF differ" },
	{ WIDE, { VMCS_GUEST_INTERRUPTIBILITY, 2 }, { VMCS_GUEST_PENDING_DEBUG, 0x4000 }, "single step and TF differ" },
	{ WIDE, { VMCS_GUEST_PENDING_DEBUG, 0x10 }, { 0 }, "pending debug exceptions (reserved" },
	{ WIDE, { VMCS_LINK, 0 }, { 0 }, "VMCS link" },
	{ PAE, { VMCS_GUEST_PDPTE0 + 4, 0x6003 }, { 0 }, "PAE directory" },
};

static void test_legal(void)
{
	for (unsigned i = 0; i < ARRAY_LEN(modes); i++) {
		char why[VMX_WHY_MAX] = "";

		modes[i].state();
		if (!ok(!vmx_explain_state(get, why, sizeof(why)), "%s mode is legal", modes[i].name))
			tap_note("%s", why);
	}
	wide();
	put(VMCS_GUEST_INTERRUPTIBILITY, 2);
	put(VMCS_GUEST_RFLAGS, 0x302);
	put(VMCS_GUEST_PENDING_DEBUG, 0x4000);
	ok(!vmx_explain_state(get, (char[8]){ 0 }, 8), "so is a single step that MOV SS holds back");
}

static void test_broken(void)
{
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		char why[VMX_WHY_MAX] = "";

		modes[rows[i].mode].state();
		put(rows[i].a.field, rows[i].a.value);
		if (rows[i].b.field)
			put(rows[i].b.field, rows[i].b.value);
		if (!ok(vmx_explain_state(get, why, sizeof(why)) && strstr(why, rows[i].part), "%s: %s", modes[rows[i].mode].name, why))
			tap_note("wanted: %s", rows[i].part);
	}
}

static void test_words(void)
{
	char s[64];

	vmx_explain_rights(0xa09b, s, sizeof(s));
	ok_str(s, "type 11 DPL 0 L G", "a 64-bit code segment");
	vmx_explain_rights(0x8b, s, sizeof(s));
	ok_str(s, "type 11 system DPL 0", "a task state segment");
	vmx_explain_rights(0xc073, s, sizeof(s));
	ok_str(s, "type 3 DPL 3 not present D G", "a segment of a program's that is not there");
	vmx_explain_rights(0x1c000, s, sizeof(s));
	ok_str(s, "unusable", "a null selector");
	ok_str(vmx_control_name(VMX_WORD_PROC2, VMX_PROC2_EPT), "extended page tables (EPT)", "a control");
	ok_str(vmx_control_name(VMX_WORD_ENTRY, VMX_ENTRY_GUEST_64), "64-bit guest", "one that changes");
	ok(!vmx_control_name(VMX_WORD_PIN, 2), "one that must be 1 and means nothing");
}

int main(void)
{
	char reason[HV_REASON_MAX];

	cpuid_init(NULL, 1000000000, false, false);
	if (!ok(vmx_caps_decide(&skylake, &vmx_caps, reason) == OK, "a CPU"))
		return tap_done();
	test_legal();
	test_broken();
	test_words();
	return tap_done();
}
