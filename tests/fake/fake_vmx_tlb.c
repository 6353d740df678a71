/* SPDX-License-Identifier: Apache-2.0 */
/* The translations that a played guest leaves in a CPU (SDM 3C 29.4): guest-physical ones, tagged by the root of the EPT, and combined ones of
 * linear addresses, tagged by VPID as well. No entry or exit flushes them while VPIDs are in use, as on a real CPU and on no emulated one, so
 * that a flush which the monitor owes and does not make is seen. */
#include "fake_vmx.h"
#include <core/arith.h>
#include <core/panic.h>

#define SLOTS 64
#define NO_LINEAR UINT64_MAX /* of a guest-physical translation */

static struct translation { bool used; unsigned cpu; uint64_t root, vpid, linear, gpa, leaf; } slots[SLOTS];

static uint64_t page_of(uint64_t a)
{
	return align_down(a, PAGE_SIZE);
}

static void drop(bool (*hit)(const struct translation *t, uint64_t value), uint64_t value)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].used && slots[i].cpu == hal_cpu_id() && hit(&slots[i], value))
			slots[i].used = false;
}

static bool is_any(const struct translation *t, uint64_t value) { (void)t, (void)value; return true; }
static bool is_root(const struct translation *t, uint64_t root) { return t->root == root; }
static bool is_combined(const struct translation *t, uint64_t value) { (void)value; return t->linear != NO_LINEAR; }
static bool is_vpid(const struct translation *t, uint64_t vpid) { return t->linear != NO_LINEAR && t->vpid == vpid; }

void fake_vmx_tlb_invept(uint64_t type, uint64_t eptp)
{
	if (type != VMX_INV_ONE && type != VMX_INV_ALL)
		panic("INVEPT of type %llu", (unsigned long long)type);
	drop(type == VMX_INV_ONE ? is_root : is_any, page_of(eptp));
}

void fake_vmx_tlb_invvpid(uint64_t type, uint64_t vpid)
{
	if (type != VMX_INV_ONE && type != VMX_INV_ALL)
		panic("INVVPID of type %llu", (unsigned long long)type);
	if (type == VMX_INV_ONE && vpid == 0)
		panic("INVVPID of VPID 0");
	drop(type == VMX_INV_ONE ? is_vpid : is_combined, vpid);
}

static uint64_t vpid_now(void)
{
	return vmcs_read(VMCS_PROC2_CONTROLS) & VMX_PROC2_VPID ? vmcs_read(VMCS_VPID) : 0;
}

void fake_vmx_tlb_enter(void)
{
	bool on = vmcs_read(VMCS_PROC2_CONTROLS) & VMX_PROC2_VPID;

	if (on && vmcs_read(VMCS_VPID) == 0)
		panic("an entry with VPID 0"); /* SDM 3C 27.2.1.1 */
	if (!on)
		drop(is_vpid, 0);
}

/* The leaf that the tables have now, 0 none. */
static uint64_t walk(uint64_t root, uint64_t gpa)
{
	uint64_t e = root;

	for (int level = 3; level >= 0; level--) {
		e = ((const uint64_t *)hal_direct(HPA(e & 0xffffffffff000)))[gpa >> (12 + 9 * level) & 511];
		if (!(e & 7) || level == 0 || (e & 1 << 7))
			break;
	}
	return e & 7 ? e : 0;
}

static struct translation *find(const struct translation *want)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].used && slots[i].cpu == want->cpu && slots[i].root == want->root && slots[i].linear == want->linear &&
		    (want->linear == NO_LINEAR ? slots[i].gpa == want->gpa : slots[i].vpid == want->vpid))
			return &slots[i];
	return NULL;
}

static void keep(struct translation t)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (!slots[i].used) {
			slots[i] = t;
			slots[i].used = true;
			return;
		}
	panic("too many translations");
}

struct fake_vmx_access fake_vmx_touch(uint64_t linear, uint64_t gpa)
{
	struct translation t = { .cpu = hal_cpu_id(), .root = page_of(vmcs_read(VMCS_EPTP)), .vpid = vpid_now(), .linear = page_of(linear), .gpa = page_of(gpa) };
	struct translation physical = t, *combined = find(&t), *known;

	if (!combined) {
		physical.linear = NO_LINEAR;
		known = find(&physical);
		physical.leaf = t.leaf = known ? known->leaf : walk(t.root, t.gpa);
		if (t.leaf && !known)
			keep(physical);
		if (t.leaf) /* what is not there leaves no translation (SDM 3C 29.4.2) */
			keep(t);
	} else {
		t = *combined;
	}
	return (struct fake_vmx_access){ .leaf = t.leaf, .stale_physical = t.leaf != walk(t.root, t.gpa), .stale_linear = t.gpa != page_of(gpa) };
}
