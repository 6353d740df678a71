/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's paravirtual clock and steal time for a guest. Own CPU of the vCPU, before entries and in MSR exits; writes guest memory
 * through gmem only. Guest time zero is guest TSC zero (vm.c moves both after a pause), so the published pair is constant but for
 * what a guest writes to its own TSC. Layouts: Linux Documentation/virt/kvm/x86/msr.rst. Knows no backend. */
#include <core/clock.h>
#include <core/hal.h>
#include <string.h>
#include <vmm/vm.h>
#include <vmm/x86_64/pvclock.h>
#include <vmm/ticks.h>

#define MSR_ENABLE 1ull
#define TIME_RESERVED 2ull         /* the page is 4-byte aligned, bit 0 enables */
#define STEAL_RESERVED 0x3eull     /* 64-byte aligned, bits 5..1 reserved */
#define FLAG_TSC_STABLE 1u

struct time_page { uint32_t version, pad; uint64_t tsc, system_ns; uint32_t mul; int8_t shift; uint8_t flags, pad2[2]; };
_Static_assert(sizeof(struct time_page) == 32, "struct pvclock_vcpu_time_info");
struct wall_page { uint32_t version, s, ns; };
_Static_assert(sizeof(struct wall_page) == 12, "struct pvclock_wall_clock");
struct steal_page { uint64_t steal_ns; uint32_t version, flags; uint8_t preempted, pad[47]; };
_Static_assert(sizeof(struct steal_page) == 64, "struct kvm_steal_time");

err_t pvclock_scale(uint64_t hz, uint32_t *mul, int8_t *shift)
{
	uint64_t rate = hz;
	int s = 0;

	if (hz == 0)
		return E_INVAL;
	/* Bring the rate into (10^9, 2*10^9], where 10^9 * 2^32 / rate has its full 32 bits. */
	while (rate > 2 * NS_PER_S) {
		rate >>= 1;
		s--;
	}
	while (rate <= NS_PER_S) {
		rate <<= 1;
		s++;
	}
	*shift = (int8_t)s;
	/* The rate's lowest bits went with the halving; up to 8 GHz the exact quotient fits 64 bits. */
	if (s < 0 && s >= -2)
		*mul = (uint32_t)(((NS_PER_S << -s) << 32) / hz);
	else
		*mul = (uint32_t)((NS_PER_S << 32) / rate);
	return OK;
}

void pvclock_reset(struct pvclock *p, struct vcpu *v)
{
	(void)v;
	memset(p, 0, sizeof *p);
	p->version = PVCLOCK_STATE_VERSION;
}

err_t pvclock_msr_read(struct pvclock *p, uint32_t index, uint64_t *value)
{
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
		*value = p->wall_clock_msr;
		return OK;
	case MSR_KVM_SYSTEM_TIME:
		*value = p->system_time_msr;
		return OK;
	case MSR_KVM_STEAL_TIME:
		*value = p->steal_msr;
		return OK;
	default:
		return E_GUEST;
	}
}

/* Writes one structure with its version odd while it changes. Fails only when the page cannot be made resident: then the guest
 * keeps the old content, which is valid. */
static err_t page_publish(struct gmem *m, uint64_t addr, const void *body, size_t len, size_t version_off, uint32_t *seq)
{
	struct gpa version = GPA(addr + version_off);
	err_t err = gmem_store32(m, version, *seq | 1);

	if (err != OK)
		return err;
	atomic_thread_fence(memory_order_seq_cst); /* the odd version first */
	if (version_off > 0)
		err = gmem_write(m, GPA(addr), body, version_off);
	if (err == OK)
		err = gmem_write(m, GPA(addr + version_off + 4), (const char *)body + version_off + 4, len - version_off - 4);
	*seq = (*seq | 1) + 1;
	if (err == OK)
		err = gmem_store32(m, version, *seq);
	return err;
}

static err_t wall_write(struct vcpu *v, uint64_t addr)
{
	/* UTC at guest time zero. Before the machine knows UTC this is small or negative: clamp. */
	int64_t guest_ns = (int64_t)hal_clock_ns() + v->vm->clock_offset_ns;
	int64_t zero = clock_utc_ns() - guest_ns;
	struct wall_page w = { 0 };
	uint32_t seq = 0;

	if (zero < 0)
		zero = 0;
	w.s = (uint32_t)((uint64_t)zero / NS_PER_S);
	w.ns = (uint32_t)((uint64_t)zero % NS_PER_S);
	return page_publish(v->vm->mem, addr, &w, sizeof w, 0, &seq);
}

static bool range_ok(struct vcpu *v, uint64_t addr, uint64_t len)
{
	return gmem_is_ram(v->vm->mem, GPA(addr), len);
}

err_t pvclock_msr_write(struct pvclock *p, struct vcpu *v, uint32_t index, uint64_t value)
{
	bool on = value & MSR_ENABLE;

	switch (index) {
	case MSR_KVM_WALL_CLOCK:
		/* Zero asks for nothing. */
		if ((value & 3) || !range_ok(v, value, sizeof(struct wall_page)) || (value && wall_write(v, value) != OK))
			return E_GUEST;
		p->wall_clock_msr = value;
		return OK;
	case MSR_KVM_SYSTEM_TIME:
		if ((value & TIME_RESERVED) || (on && !range_ok(v, value & ~MSR_ENABLE, sizeof(struct time_page))))
			return E_GUEST;
		p->system_time_msr = value;
		p->time_dirty = on;
		return OK;
	case MSR_KVM_STEAL_TIME:
		if ((value & STEAL_RESERVED) || (on && !range_ok(v, value & ~MSR_ENABLE, sizeof(struct steal_page))))
			return E_GUEST;
		p->steal_msr = value;
		p->steal_dirty = on;
		return OK;
	default:
		return E_GUEST;
	}
}

/* What the guest wrote to its TSC; wraps as the counter does. */
static int64_t counter_skew(const struct vcpu *v)
{
	return (int64_t)((uint64_t)v->counter_offset - (uint64_t)v->vm->counter_offset);
}

static void time_update(struct pvclock *p, struct vcpu *v)
{
	int64_t skew = counter_skew(v);
	bool stable = !atomic_load(&v->vm->counter_skewed);
	struct time_page t = { .tsc = (uint64_t)skew, .flags = stable ? FLAG_TSC_STABLE : 0 };

	if (pvclock_scale(hal_counter_hz(), &t.mul, &t.shift) != OK)
		return;
	if (page_publish(v->vm->mem, p->system_time_msr & ~MSR_ENABLE, &t, sizeof t, 0, &p->time_seq) != OK)
		return; /* stays dirty: tried again before the next entry */
	p->published_offset = skew;
	p->published_stable = stable;
	p->time_dirty = false;
}

static void steal_update(struct pvclock *p, struct vcpu *v)
{
	struct steal_page s = { .steal_ns = v->se.wait_ns };

	if (page_publish(v->vm->mem, p->steal_msr & ~MSR_ENABLE, &s, sizeof s, offsetof(struct steal_page, version), &p->steal_seq) != OK)
		return;
	p->steal_ns = s.steal_ns;
	p->steal_dirty = false;
}

void pvclock_update(struct pvclock *p, struct vcpu *v)
{
	int64_t skew = counter_skew(v);

	/* Stable means that readings of all vCPUs compare, so one that differs takes it from all, each at its next entry. */
	if (skew != 0 && !atomic_load(&v->vm->counter_skewed))
		atomic_store(&v->vm->counter_skewed, true);
	if ((p->system_time_msr & MSR_ENABLE) &&
	    (p->time_dirty || p->published_offset != skew || p->published_stable == atomic_load(&v->vm->counter_skewed)))
		time_update(p, v);
	if ((p->steal_msr & MSR_ENABLE) && (p->steal_dirty || p->steal_ns != v->se.wait_ns))
		steal_update(p, v);
}

err_t pvclock_load(struct pvclock *p, const struct pvclock *in)
{
	if (in->version != PVCLOCK_STATE_VERSION || (in->system_time_msr & TIME_RESERVED) || (in->steal_msr & STEAL_RESERVED))
		return E_CORRUPT;
	*p = *in;
	/* Another host's rate and waiting times: tell the guest afresh. */
	p->time_dirty = p->system_time_msr & MSR_ENABLE;
	p->steal_dirty = p->steal_msr & MSR_ENABLE;
	return OK;
}
