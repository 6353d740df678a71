/* SPDX-License-Identifier: Apache-2.0 */
/* Translation of guest-linear to guest-physical addresses by the guest's own tables (SDM 3A 4, APM 2 5): none, 32-bit, PAE, four and five
 * levels. At most five entries are read, each once, through gmem. Permissions and reserved bits are checked as the CPU does, and
 * accessed and dirty bits are set as it does (SDM 3A 4.8). Pure but for these accesses. */
#include <core/arith.h>
#include "x86.h"

#define PTE_P 1ull
#define PTE_W 2ull
#define PTE_U 4ull
#define PTE_A 0x20ull
#define PTE_D 0x40ull
#define PTE_PS 0x80ull
#define PTE_NX (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull
#define PF_P 1u
#define PF_W 2u
#define PF_U 4u
#define PF_RSVD 8u
#define PF_FETCH 16u

enum { MAX_TRIES = 4 };

struct seen { struct gpa at; uint64_t value; };
struct walk { const struct gpt_mode *mode; uint64_t linear; unsigned access; uint64_t rights; /* AND of the entries' W and U */ bool nx;
	      struct seen seen[GPT_LEVELS]; unsigned nseen, entry_size; };

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

static void remember(struct walk *w, uint64_t at, uint64_t value)
{
	w->seen[w->nseen].at = GPA(at);
	w->seen[w->nseen++].value = value;
}

/* After a walk that allows the access. E_AGAIN: the guest has changed an entry meanwhile. */
static err_t mark(struct gmem *m, struct walk *w)
{
	for (unsigned i = 0; i < w->nseen; i++) {
		bool dirty = i + 1 == w->nseen && w->access == GPT_WRITE;
		uint64_t old = w->seen[i].value, value = old | PTE_A | (dirty ? PTE_D : 0);
		err_t err = value == old ? OK : gmem_cas(m, w->seen[i].at, w->entry_size, old, value);

		if (err != OK)
			return err;
		w->seen[i].value = value;
	}
	return OK;
}

/* PAE and long mode: 64-bit entries. top: the first level's number; in PAE the third level's four entries carry no rights. */
static err_t walk64(struct gmem *m, struct walk *w, unsigned top, bool pae, struct gpa *out, struct gpt_fault *fault)
{
	uint64_t table = pae ? w->mode->cr3 & 0xffffffe0 : w->mode->cr3 & PTE_ADDR;

	for (unsigned level = top;; level--) {
		unsigned index = (w->linear >> (12 + 9 * level)) & (pae && level == 2 ? 3 : 511);
		uint64_t e;
		err_t err = gmem_load64(m, GPA(table + index * 8), &e);
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
		remember(w, table + index * 8, e);
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
		remember(w, table + index * 4, e);
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

static err_t walk_any(struct gmem *m, struct walk *w, struct gpa *out, struct gpt_fault *fault)
{
	const struct gpt_mode *mode = w->mode;

	w->entry_size = 8;
	if (mode->efer & X86_EFER_LMA)
		return walk64(m, w, mode->cr4 & X86_CR4_LA57 ? 4 : 3, false, out, fault);
	w->linear &= 0xffffffff;
	if (mode->cr4 & X86_CR4_PAE)
		return walk64(m, w, 2, true, out, fault);
	w->entry_size = 4;
	return walk32(m, w, out, fault);
}

/* w: filled in afresh for each try; at the end it says what was seen. */
static err_t walk_and_mark(struct gmem *m, struct walk *w, const struct walk *start, struct gpa *out, struct gpt_fault *fault)
{
	for (unsigned tries = 1;; tries++) {
		struct gpa a;
		err_t err;

		*w = *start;
		err = walk_any(m, w, &a, fault);
		if (err == OK)
			err = mark(m, w);
		if (err == E_AGAIN && tries < MAX_TRIES)
			continue;
		if (err == E_AGAIN)
			err = OK; /* another vCPU writes to these tables without end: it may as well have written last */
		if (err == OK)
			*out = a;
		return err;
	}
}

static err_t walk_seen(struct gmem *m, struct walk *w, const struct gpt_mode *mode, uint64_t linear, unsigned access, struct gpa *out,
		       struct gpt_fault *fault)
{
	const struct walk start = { .mode = mode, .linear = linear, .access = access, .rights = PTE_W | PTE_U };

	if (mode->cr0 & X86_CR0_PG)
		return walk_and_mark(m, w, &start, out, fault);
	w->nseen = 0;
	*out = GPA(linear & 0xffffffff);
	return OK;
}

err_t gpt_walk(struct gmem *m, const struct gpt_mode *mode, uint64_t linear, unsigned access, struct gpa *out, struct gpt_fault *fault)
{
	struct walk w;

	return walk_seen(m, &w, mode, linear, access, out, fault);
}

/* false: the page is not RAM, so that each fetch walks. A word that has changed since the walk shows when the memo is asked. */
static bool memorise(struct gmem *m, const struct walk *w, struct gpt_memo *memo)
{
	if (gmem_spot(m, GPA(memo->gpa), PAGE_SIZE, &memo->code) != OK)
		return false;
	for (memo->n = 0; memo->n < w->nseen; memo->n++)
		if (gmem_see64(m, w->seen[memo->n].at, w->seen[memo->n].value, &memo->seen[memo->n]) != OK)
			return false;
	return true;
}

err_t gpt_walk_again(struct gmem *m, const struct gpt_mode *mode, uint64_t linear, unsigned access, struct gpt_memo *memo, struct gpa *out,
		     struct gpt_fault *fault)
{
	uint64_t into = linear & (PAGE_SIZE - 1);
	struct walk w;
	err_t err;

	if (gpt_memo_is_of(memo, mode, linear - into, access) && gmem_seen_hold(m, &memo->code, memo->seen, memo->n)) {
		*out = GPA(memo->gpa + into);
		return OK;
	}
	memo->valid = false;
	err = walk_seen(m, &w, mode, linear, access, out, fault);
	if (err != OK || ((mode->cr0 & X86_CR0_PG) && !(mode->efer & X86_EFER_LMA)))
		return err; /* 32-bit entries, or PAE, whose first level is not among those seen */
	memo->mode = *mode;
	memo->page = linear - into;
	memo->gpa = out->v - into;
	memo->access = access;
	memo->valid = memorise(m, &w, memo);
	return OK;
}
