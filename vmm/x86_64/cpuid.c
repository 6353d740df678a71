/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's CPUID: the host's leaves through cpuid_table.c once (cpuid_init), then what depends on the vCPU at each read.
 * Any CPU after init. Knows no backend; unknown leaves read as zero. */
#include <core/arith.h>
#include <string.h>
#include <vmm/x86_64/cpuid.h>
#include <vmm/x86_64/lapic.h>

#define CPUID_MAX_ENTRIES 56
#define VENDOR_INTEL_EBX 0x756e6547u /* "Genu" */
#define XCR0_X87_SSE 0x3ull
#define XCR0_AVX 0x4ull
#define XCR0_AVX512 0xe0ull
#define XCR0_PKRU 0x200ull
#define XSAVE_LEGACY 576u /* SDM 1 13.4: legacy region and header */

enum { FIXED_LEAVES = 32 };

struct cpuid_entry { uint32_t leaf, subleaf; struct cpuid_regs r; };

/* Written by cpuid_init before the first guest, constant afterwards. */
static struct {
	struct cpuid_entry entries[CPUID_MAX_ENTRIES];
	unsigned n;
	uint8_t fixed[3][FIXED_LEAVES]; /* by the leaf's two high bits: 1 + the entry of a leaf that is the same for all vCPUs, 0 for others */
	uint64_t xcr0;
	uint64_t counter_hz;
	uint8_t phys_bits;
	bool spec_ctrl, xsaves;
} offered;

static void host_cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	__asm__ volatile("cpuid" : "=a"(r->eax), "=b"(r->ebx), "=c"(r->ecx), "=d"(r->edx) : "a"(leaf), "c"(subleaf));
}

/* Leaves beyond the host's highest one of their range read as zero, whatever the CPU answers. */
static void host_leaf(cpuid_host_fn host, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	struct cpuid_regs max;

	host(leaf & 0x80000000, 0, &max);
	if (leaf > max.eax)
		memset(r, 0, sizeof(*r));
	else
		host(leaf, subleaf, r);
}

static uint32_t *reg_of(struct cpuid_regs *r, uint8_t reg)
{
	switch (reg) {
	case CPUID_EAX: return &r->eax;
	case CPUID_EBX: return &r->ebx;
	case CPUID_ECX: return &r->ecx;
	default: return &r->edx;
	}
}

static struct cpuid_entry *find(uint32_t leaf, uint32_t subleaf)
{
	unsigned lo = 0, hi = offered.n;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		struct cpuid_entry *e = &offered.entries[mid];

		if (e->leaf == leaf && e->subleaf == subleaf)
			return e;
		if (e->leaf < leaf || (e->leaf == leaf && e->subleaf < subleaf))
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static void build_entries(cpuid_host_fn host)
{
	struct cpuid_entry *e = NULL;
	struct cpuid_regs h;

	offered.n = 0;
	for (unsigned i = 0; i < cpuid_nrows; i++) {
		const struct cpuid_row *row = &cpuid_rows[i];

		if (!e || e->leaf != row->leaf || e->subleaf != row->subleaf) {
			if (offered.n == CPUID_MAX_ENTRIES)
				return;
			e = &offered.entries[offered.n++];
			*e = (struct cpuid_entry){ .leaf = row->leaf, .subleaf = row->subleaf };
			host_leaf(host, row->leaf, row->subleaf, &h);
		}
		*reg_of(&e->r, row->reg) |= (*reg_of(&h, row->reg) & row->pass) | row->set;
	}
}

/* XCR0 bits whose sets are whole, and no feature without its state. */
static void trim_xsave(cpuid_host_fn host)
{
	struct cpuid_entry *l1 = find(1, 0), *l7 = find(7, 0), *l71 = find(7, 1);
	struct cpuid_regs d;
	uint64_t can;

	host_leaf(host, 0xd, 0, &d);
	can = ((uint64_t)d.edx << 32 | d.eax) & (XCR0_X87_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU);
	if (!(l1->r.ecx & (1u << 26)))
		can = 0;
	if (!(can & XCR0_AVX) || (can & XCR0_AVX512) != XCR0_AVX512)
		can &= ~XCR0_AVX512;
	if (!(l7->r.ecx & (1u << 3)))
		can &= ~XCR0_PKRU;
	offered.xcr0 = can;
	if (!can || !offered.xsaves)
		find(0xd, 1)->r.eax &= ~(1u << 3);
	offered.xsaves = find(0xd, 1)->r.eax & (1u << 3);
	if (!(can & XCR0_AVX)) {
		l1->r.ecx &= ~(1u << 28 | 1u << 12 | 1u << 29);
		l7->r.ebx &= ~(1u << 5);
		l7->r.ecx &= ~(1u << 9 | 1u << 10);
		l71->r.eax &= ~(1u << 4);
		find(0x80000001, 0)->r.ecx &= ~(1u << 11 | 1u << 16); /* XOP, FMA4 */
	}
	if (!(can & XCR0_AVX512)) {
		l7->r.ebx &= ~(1u << 16 | 1u << 17 | 1u << 21 | 1u << 28 | 1u << 30 | 1u << 31);
		l7->r.ecx &= ~(1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14);
		l7->r.edx &= ~(1u << 8 | 1u << 23);
		l71->r.eax &= ~(1u << 5);
	}
	if (!(can & XCR0_PKRU))
		l7->r.ecx &= ~(1u << 3);
}

/* Leaves 2 and 4 are Intel's; others describe their caches in the extended ones (APM 3 E.4), and what they answer here is no promise. */
static void trim_caches(void)
{
	if (find(0, 0)->r.ebx == VENDOR_INTEL_EBX)
		return;
	find(2, 0)->r = (struct cpuid_regs){ 0 };
	for (uint32_t sub = 0; sub < 4; sub++)
		find(4, sub)->r = (struct cpuid_regs){ 0 };
}

static void trim_extended(void)
{
	struct cpuid_entry *e = find(0x80000008, 0);
	uint32_t phys = MIN(e->r.eax & 0xff, 48u), linear = MIN((e->r.eax >> 8) & 0xff, 48u);

	offered.phys_bits = (uint8_t)(phys ? phys : 36);
	e->r.eax = offered.phys_bits | (linear ? linear : 48u) << 8;
	if (!offered.spec_ctrl)
		e->r.ebx &= ~(1u << 14 | 1u << 15 | 1u << 17 | 1u << 24);
}

/* Leaves with subleaves or with something of the vCPU's in them. */
static bool differs(uint32_t leaf)
{
	switch (leaf) {
	case 0x1: case 0x4: case 0x7: case 0xb: case 0xd: case 0x15: case 0x16: case 0x40000010:
	case 0x80000001: case 0x80000008: case 0x8000001d: case 0x8000001e:
		return true;
	default:
		return false;
	}
}

static void build_fixed(void)
{
	memset(offered.fixed, 0, sizeof(offered.fixed));
	for (unsigned i = 0; i < offered.n; i++) {
		const struct cpuid_entry *e = &offered.entries[i];

		if (!differs(e->leaf) && e->subleaf == 0 && (e->leaf & 0x3fffffff) < FIXED_LEAVES && e->leaf >> 30 < ARRAY_LEN(offered.fixed))
			offered.fixed[e->leaf >> 30][e->leaf & 0x3fffffff] = (uint8_t)(1 + i);
	}
}

void cpuid_init(cpuid_host_fn host, uint64_t counter_hz, bool spec_ctrl, bool xsaves)
{
	if (!host)
		host = host_cpuid;
	offered.counter_hz = counter_hz;
	offered.spec_ctrl = spec_ctrl;
	offered.xsaves = xsaves;
	build_entries(host);
	trim_caches();
	trim_xsave(host);
	trim_extended();
	build_fixed();
}

uint64_t cpuid_xcr0_allowed(void)
{
	return offered.xcr0;
}

bool cpuid_offers_spec_ctrl(void)
{
	return offered.spec_ctrl;
}

bool cpuid_offers_xsaves(void)
{
	return offered.xsaves;
}

uint8_t cpuid_phys_bits(void)
{
	return offered.phys_bits;
}

/* ---- what depends on the vCPU ---- */

static uint32_t bits_for(uint32_t n)
{
	uint32_t bits = 0;

	while (bits < 31 && (1u << bits) < n)
		bits++;
	return bits;
}

/* Size of the XSAVE area for components mask (SDM 1 13.4.3, 13.4.4). */
static uint32_t xsave_size(uint64_t mask, bool compacted)
{
	uint32_t size = XSAVE_LEGACY;

	for (unsigned i = 2; i < 63; i++) {
		const struct cpuid_entry *e = mask & (1ull << i) ? find(0xd, i) : NULL;

		if (!e)
			continue;
		if (compacted)
			size = (uint32_t)(e->r.ecx & 2 ? align_up(size, 64) : size) + e->r.eax;
		else
			size = MAX(size, e->r.ebx + e->r.eax);
	}
	return size;
}

static void fill_xsave(const struct cpuid_view *v, uint32_t sub, struct cpuid_regs *r)
{
	if (!offered.xcr0 || (sub >= 2 && (sub > 62 || !(offered.xcr0 & (1ull << sub))))) {
		memset(r, 0, sizeof(*r));
		return;
	}
	if (sub == 0) {
		r->eax = (uint32_t)offered.xcr0;
		r->ebx = xsave_size(v->xcr0, false);
		r->ecx = xsave_size(offered.xcr0, false);
		r->edx = (uint32_t)(offered.xcr0 >> 32);
	} else if (sub == 1) {
		r->ebx = xsave_size(v->xcr0, true);
	}
}

/* One thread a core, one socket (SDM 2A CPUID 0BH). */
static void fill_topology(const struct cpuid_view *v, uint32_t sub, struct cpuid_regs *r)
{
	memset(r, 0, sizeof(*r));
	r->ecx = sub & 0xff;
	r->edx = v->apic_id;
	if (sub == 0) {
		r->ebx = 1;
		r->ecx |= 1u << 8;
	} else if (sub == 1) {
		r->eax = bits_for(v->nvcpus);
		r->ebx = v->nvcpus;
		r->ecx |= 2u << 8;
	}
}

static void fill_features(const struct cpuid_view *v, struct cpuid_regs *r)
{
	r->ebx |= v->apic_id << 24 | MIN(v->nvcpus, 255u) << 16;
	if (v->osxsave && offered.xcr0)
		r->ecx |= 1u << 27;
	if (v->apic_on)
		r->edx |= 1u << 9;
	if (v->nvcpus > 1)
		r->edx |= 1u << 28;
}

/* SDM 2A CPUID 04H: highest numbers, as many as a power of two holds, of CPUs that share a cache and of cores in the socket. */
static void fill_intel_cache(const struct cpuid_view *v, struct cpuid_regs *r)
{
	const uint32_t all = (1u << bits_for(v->nvcpus)) - 1;

	if (!(r->eax & 0x1f))
		return; /* no such cache: the end of the list */
	r->eax &= 0x3fff;
	r->eax |= MIN(all, 0x3fu) << 26;
	if (((r->eax >> 5) & 7) == 3)
		r->eax |= MIN(all, 0xfffu) << 14;
}

/* APM 3 E.4.15: NumSharingCache says how many logical processors share a cache. */
static void fill_cache(const struct cpuid_view *v, struct cpuid_regs *r)
{
	uint32_t level = (r->eax >> 5) & 7;

	r->eax &= ~(0xfffu << 14);
	if (level == 3)
		r->eax |= (MIN(v->nvcpus, 4096u) - 1) << 14;
}

static void fill_topology_ext(const struct cpuid_view *v, struct cpuid_regs *r)
{
	const struct cpuid_entry *ext = find(0x80000001, 0);

	if (!ext || !(ext->r.ecx & (1u << 22)))
		return;
	r->eax = v->apic_id;
	r->ebx = v->apic_id & 0xff; /* core id; one thread */
}

static void fill_frequency(uint32_t leaf, struct cpuid_regs *r)
{
	uint32_t khz = (uint32_t)MIN(offered.counter_hz / 1000, (uint64_t)UINT32_MAX);

	memset(r, 0, sizeof(*r));
	if (leaf == 0x15) { /* TSC Hz = ECX * EBX / EAX */
		r->eax = (uint32_t)(LAPIC_TIMER_HZ / 1000);
		r->ebx = khz;
		r->ecx = (uint32_t)LAPIC_TIMER_HZ;
	} else if (leaf == 0x16) {
		r->eax = r->ebx = khz / 1000;
	} else { /* 40000010h */
		r->eax = khz;
		r->ebx = (uint32_t)(LAPIC_TIMER_HZ / 1000);
	}
}

static void fill(const struct cpuid_view *v, uint32_t leaf, uint32_t sub, struct cpuid_regs *r)
{
	switch (leaf) {
	case 0x1:
		fill_features(v, r);
		break;
	case 0x4:
		fill_intel_cache(v, r);
		break;
	case 0x7:
		if (sub == 0 && v->ospke && (r->ecx & (1u << 3)))
			r->ecx |= 1u << 4;
		break;
	case 0xb:
		fill_topology(v, sub, r);
		break;
	case 0xd:
		fill_xsave(v, sub, r);
		break;
	case 0x15:
	case 0x16:
	case 0x40000010:
		fill_frequency(leaf, r);
		break;
	case 0x80000001:
		if (v->apic_on)
			r->edx |= 1u << 9;
		if (v->nvcpus > 1)
			r->ecx |= 1u << 1; /* CmpLegacy: the logical processors of leaf 1 are cores */
		break;
	case 0x80000008:
		r->ecx = MIN(v->nvcpus, 256u) - 1;
		r->ecx |= bits_for(v->nvcpus) << 12;
		break;
	case 0x8000001d:
		fill_cache(v, r);
		break;
	case 0x8000001e:
		fill_topology_ext(v, r);
		break;
	default:
		break;
	}
}

const struct cpuid_regs *cpuid_fixed(uint32_t leaf)
{
	uint32_t low = leaf & 0x3fffffff;
	unsigned i = low < FIXED_LEAVES && leaf >> 30 < ARRAY_LEN(offered.fixed) ? offered.fixed[leaf >> 30][low] : 0;

	return i ? &offered.entries[i - 1].r : NULL;
}

void cpuid_read(const struct cpuid_view *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
	bool indexed = leaf == 0x4 || leaf == 0x7 || leaf == 0xb || leaf == 0xd || leaf == 0x8000001d;
	uint32_t sub = indexed ? subleaf : 0;
	const struct cpuid_entry *e = find(leaf, sub);

	memset(out, 0, sizeof(*out));
	if (e)
		*out = e->r;
	fill(v, leaf, sub, out);
}
