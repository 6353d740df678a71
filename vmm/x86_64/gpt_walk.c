/* SPDX-License-Identifier: Apache-2.0 */
/* Translation of guest-linear to guest-physical addresses by the guest's own tables (SDM 3A 4, APM 2 5): none, 32-bit, PAE, four and five
 * levels. At most five entries are read, each once, through gmem. Permissions and reserved bits are checked as the CPU does;
 * accessed and dirty bits are left alone. Pure but for the reads. */
#include <core/arith.h>
#include "x86.h"

#define PTE_P 1ull
#define PTE_W 2ull
#define PTE_U 4ull
#define PTE_PS 0x80ull
#define PTE_NX (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull
#define PF_P 1u
#define PF_W 2u
#define PF_U 4u
#define PF_RSVD 8u
#define PF_FETCH 16u

struct walk { const struct gpt_mode *mode; uint64_t linear; unsigned access; uint64_t rights; /* AND of the entries' W and U */ bool nx; };

static err_t walk_fault(const struct walk *w, uint32_t error, struct gpt_fault *fault)
{
	if (w->access == GPT_WRITE)
		error |= PF_W;
	if (w->mode->user)
		error |= PF_U;
	if (w->access == GPT_FETCH && ((w->mode->efer & X86_EFER_NXE) || (w->mode->cr4 & X86_CR4_SMEP)))
		error |= PF_FETCH;
	*fault = (struct gpt_fault){ .error = error, .address = w->linear };
	return E_PERM;
}

/* SDM 3A 4.6.1 */
static bool permitted(const struct walk *w)
{
	bool user_page = w->rights & PTE_U, writable = w->rights & PTE_W;
	const struct gpt_mode *m = w->mode;

	if (m->user && !user_page)
		return false;
	if (w->access == GPT_FETCH) {
		if (w->nx && (m->efer & X86_EFER_NXE))
			return false;
		return m->user || !user_page || !(m->cr4 & X86_CR4_SMEP);
	}
	if (!m->user && user_page && (m->cr4 & X86_CR4_SMAP) && !m->ac)
		return false;
	if (w->access == GPT_WRITE && !writable)
		return !m->user && !(m->cr0 & X86_CR0_WP);
	return true;
}

static bool reserved_set(const struct walk *w, uint64_t e, unsigned level, bool leaf)
{
	uint64_t phys = cpuid_phys_bits();

	if ((e & PTE_ADDR) >> phys)
		return true;
	if ((e & PTE_NX) && !(w->mode->efer & X86_EFER_NXE))
		return true;
	if (leaf && level > 0) /* address bits below the page size, but for PAT (bit 12) */
		return e & ((1ull << (12 + 9 * level)) - 1) & ~0x1fffull;
	return level >= 3 && (e & PTE_PS);
}

/* PAE and long mode: 64-bit entries. top: the first level's number; in PAE the third level's four entries carry no rights. */
static err_t walk64(struct gmem *m, struct walk *w, unsigned top, bool pae, struct gpa *out, struct gpt_fault *fault)
{
	uint64_t table = pae ? w->mode->cr3 & 0xffffffe0 : w->mode->cr3 & PTE_ADDR;

	for (unsigned level = top;; level--) {
		unsigned index = (w->linear >> (12 + 9 * level)) & (pae && level == 2 ? 3 : 511);
		uint64_t e;
		err_t err = gmem_read(m, GPA(table + index * 8), &e, sizeof(e));
		bool leaf;

		if (err != OK)
			return err;
		if (!(e & PTE_P))
			return walk_fault(w, 0, fault);
		if (pae && level == 2) {
			table = e & PTE_ADDR;
			continue;
		}
		leaf = level == 0 || (level <= 2 && (e & PTE_PS));
		if (reserved_set(w, e, level, leaf))
			return walk_fault(w, PF_P | PF_RSVD, fault);
		w->rights &= e;
		w->nx |= (e & PTE_NX) != 0;
		if (leaf) {
			uint64_t mask = (1ull << (12 + 9 * level)) - 1;

			*out = GPA((e & PTE_ADDR & ~mask) | (w->linear & mask));
			return permitted(w) ? OK : walk_fault(w, PF_P, fault);
		}
		table = e & PTE_ADDR;
	}
}

/* Two levels of 32-bit entries; 4 MiB pages with PSE-36 (SDM 3A 4.3). */
static err_t walk32(struct gmem *m, struct walk *w, struct gpa *out, struct gpt_fault *fault)
{
	uint64_t table = w->mode->cr3 & 0xfffff000;

	for (unsigned level = 1;; level--) {
		unsigned index = (w->linear >> (12 + 10 * level)) & 1023;
		uint32_t e;
		err_t err = gmem_read(m, GPA(table + index * 4), &e, sizeof(e));

		if (err != OK)
			return err;
		if (!(e & PTE_P))
			return walk_fault(w, 0, fault);
		w->rights &= e;
		if (level == 0) {
			*out = GPA((e & 0xfffff000) | (w->linear & 0xfff));
			break;
		}
		if ((e & PTE_PS) && (w->mode->cr4 & X86_CR4_PSE)) {
			*out = GPA(((uint64_t)(e >> 13) & 0xff) << 32 | (e & 0xffc00000) | (w->linear & 0x3fffff));
			break;
		}
		table = e & 0xfffff000;
	}
	return permitted(w) ? OK : walk_fault(w, PF_P, fault);
}

err_t gpt_walk(struct gmem *m, const struct gpt_mode *mode, uint64_t linear, unsigned access, struct gpa *out, struct gpt_fault *fault)
{
	struct walk w = { .mode = mode, .linear = linear, .access = access, .rights = PTE_W | PTE_U };

	if (!(mode->cr0 & X86_CR0_PG)) {
		*out = GPA(linear & 0xffffffff);
		return OK;
	}
	if (mode->efer & X86_EFER_LMA)
		return walk64(m, &w, mode->cr4 & X86_CR4_LA57 ? 4 : 3, false, out, fault);
	w.linear &= 0xffffffff;
	return mode->cr4 & X86_CR4_PAE ? walk64(m, &w, 2, true, out, fault) : walk32(m, &w, out, fault);
}

void gpt_mode_of(struct vcpu *v, struct gpt_mode *out)
{
	*out = (struct gpt_mode){ .cr0 = x86_reg(v, X86_CR0), .cr3 = x86_reg(v, X86_CR3), .cr4 = x86_reg(v, X86_CR4),
				  .efer = x86_reg(v, X86_EFER), .user = x86_reg(v, X86_CPL) == 3,
				  .ac = x86_reg(v, X86_RFLAGS) & X86_RFLAGS_AC };
}
