/* SPDX-License-Identifier: Apache-2.0 */
/* Over the instruction of an exit. A CPU without NRIPS (APM 2 15.7.1) does not tell where the next one is: then the length is that of the
 * opcode which the exit says has run, found by its bytes. svm_insn_bare_len and svm_insn_len are pure. Own CPU. */
#include "svm.h"
#include <core/arith.h>
#include <vmm/x86_64/decode.h>
#include "x86.h"

/* The opcode without prefixes, its first byte lowest; none begins like a prefix. */
struct opcode { uint32_t bytes, mask; uint8_t len; };
#define OP1(a) { a, 0xff, 1 }
#define OP2(a, b) { a | b << 8, 0xffff, 2 }
#define OP3(a, b, c) { a | b << 8 | c << 16, 0xffffff, 3 }
static const struct opcode opcodes[] = {
	[SVM_EXIT_CPUID] = OP2(0x0f, 0xa2),
	[SVM_EXIT_HLT] = OP1(0xf4),
	[SVM_EXIT_PAUSE] = OP1(0x90),
	[SVM_EXIT_VMMCALL] = OP3(0x0f, 0x01, 0xd9),
	[SVM_EXIT_XSETBV] = OP3(0x0f, 0x01, 0xd1),
	[SVM_EXIT_INVD] = OP2(0x0f, 0x08),
	[SVM_EXIT_WBINVD] = OP2(0x0f, 0x09),
	[SVM_EXIT_MSR] = OP2(0x0f, 0x32), /* or WRMSR, 0F 30 */
};

/* Of an exit that is not here: length 0. info1: 1 for WRMSR. */
static inline struct opcode opcode_of(uint64_t code, uint64_t info1)
{
	struct opcode o = code < ARRAY_LEN(opcodes) ? opcodes[code] : (struct opcode){ 0 };

	if (code == SVM_EXIT_MSR && (info1 & 1))
		o.bytes ^= (0x32 ^ 0x30) << 8;
	return o;
}

static inline unsigned bare_len(uint64_t code, uint64_t info1, uint32_t first)
{
	struct opcode o = opcode_of(code, info1);

	return (first ^ o.bytes) & o.mask ? 0 : o.len;
}

unsigned svm_insn_bare_len(uint64_t code, uint64_t info1, uint32_t first)
{
	return bare_len(code, info1, first);
}

unsigned svm_insn_len(uint64_t code, uint64_t info1, const uint8_t *bytes, unsigned n, bool long_mode)
{
	struct x86_prefixes p;
	uint32_t first = 0;
	unsigned len;

	decode_prefixes(bytes, n, long_mode, &p);
	for (unsigned i = 0; i < 3 && p.len + i < n; i++)
		first |= (uint32_t)bytes[p.len + i] << (8 * i);
	len = bare_len(code, info1, first);
	return len && p.len + len <= n ? p.len + len : 0;
}

static inline void skip_to(struct svm_vcpu *s, uint64_t rip)
{
	struct vmcb *b = s->vmcb;

	b->s.rip = svm_long_mode(b) ? rip : (uint32_t)rip;
	b->c.int_state &= ~SVM_INT_SHADOW;
	b->s.rflags &= ~X86_RFLAGS_RF;
	if (b->s.rflags & X86_RFLAGS_TF) { /* the single-step trap that the instruction would have ended with */
		b->s.dr6 |= 1ull << 14;
		s->clean &= ~SVM_CLEAN_DR;
		svm_inject_exception(s, 1, false, 0);
	}
}

void svm_skip_to(struct svm_vcpu *s, uint64_t rip)
{
	skip_to(s, rip);
}

/* By the guest's page tables, and with prefixes. */
static __attribute__((noinline)) void step_by_walk(struct vcpu *v, struct svm_vcpu *s)
{
	const struct vmcb *b = s->vmcb;
	struct x86_code code;
	struct x86_mode m;
	unsigned len = 0;

	if (b->c.exit_code == SVM_EXIT_IOIO) { /* it ends where addresses do */
		skip_to(s, b->c.exit_info2);
		return;
	}
	svm_arch_ops.mode_get(v, &m);
	if (x86_fetch(v, &m, &code) == OK)
		len = svm_insn_len(b->c.exit_code, b->c.exit_info1, code.b, code.n, svm_long_mode(b));
	if (!len) /* another vCPU has unmapped or changed it meanwhile */
		len = opcode_of(b->c.exit_code, b->c.exit_info1).len;
	skip_to(s, b->s.rip + len);
}

void svm_step_over(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	const struct vmcb *b = s->vmcb;
	uint64_t next = svm_next_rip(s), bytes;

	if (!next) {
		uint64_t linear = svm_long_mode(b) ? b->s.rip : (uint32_t)(b->s.cs.base + b->s.rip);
		unsigned len = x86_fetch_hint(v, linear, b->s.cr3, &bytes) == OK ? bare_len(b->c.exit_code, b->c.exit_info1, (uint32_t)bytes) : 0;

		if (!len) {
			step_by_walk(v, s);
			return;
		}
		next = b->s.rip + len;
	}
	skip_to(s, next);
}
