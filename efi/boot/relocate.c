/* SPDX-License-Identifier: Apache-2.0 */
/* Self-relocation: applies the image's RELATIVE relocations (ELF gABI chapter 5), the only kind that the
 * linker leaves. Called by crt0 before anything else: it uses no global data and no stack protector. */
#include <stdint.h>

struct dyn { int64_t tag; uint64_t val; };
struct rela { uint64_t offset, info; int64_t addend; };

enum { DT_NULL = 0, DT_RELA = 7, DT_RELASZ = 8, R_X86_64_RELATIVE = 8, R_AARCH64_RELATIVE = 1027 };

void boot_relocate(uint64_t base, const struct dyn *d);

__attribute__((no_stack_protector)) void boot_relocate(uint64_t base, const struct dyn *d)
{
	const struct rela *r = 0;
	uint64_t size = 0;

	for (; d->tag != DT_NULL; d++) {
		if (d->tag == DT_RELA)
			r = (const struct rela *)(base + d->val);
		else if (d->tag == DT_RELASZ)
			size = d->val;
	}
	for (; r && size >= sizeof(*r); size -= sizeof(*r), r++) {
		uint32_t type = (uint32_t)r->info;

		if (type == R_X86_64_RELATIVE || type == R_AARCH64_RELATIVE)
			*(uint64_t *)(base + r->offset) = base + (uint64_t)r->addend;
	}
}
