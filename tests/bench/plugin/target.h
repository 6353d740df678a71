/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between the architectures that the plugin counts on: how a mark, an entry into a guest and sleep look, and where a guest comes
 * back. One const struct target each, in x86_64.c and aarch64.c; count.c chooses by the name of the machine that QEMU emulates. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET_LANDINGS 8

enum insn_kind { INSN_OTHER, INSN_MARK, INSN_ENTRY, INSN_SLEEP };

struct target {
	const char *name; /* QEMU's */
	/* *mark: the number of an INSN_MARK. */
	enum insn_kind (*kind)(const uint8_t *b, size_t len, unsigned *mark);
	/* Before an INSN_ENTRY at va runs outside of a guest: how many addresses a guest comes back to, which are in at; 0: it enters none. */
	unsigned (*landings)(uint64_t va, uint64_t at[TARGET_LANDINGS]);
	/* At such an address, while a guest is thought to run: is it the host? */
	bool (*landed)(void);
	/* The register that points to the control block at an entry, NULL: there is none in memory. */
	const char *control;
};
extern const struct target target_x86_64, target_aarch64;

/* regs.c: registers by QEMU's names, of the one CPU. To be called where QEMU allows it (QEMU_PLUGIN_CB_R_REGS). */
void regs_init(void);
/* Zero when there is no such register. */
uint64_t reg_read(const char *name);

#endif
