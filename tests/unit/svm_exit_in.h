/* SPDX-License-Identifier: Apache-2.0 */
/* An exit of an SVM guest as a row of a test says it, and its decoding. */
#ifndef TESTS_UNIT_SVM_EXIT_IN_H
#define TESTS_UNIT_SVM_EXIT_IN_H
#include "../../vmm/x86_64/svm.h"
#include <string.h>

struct svm_exit_in {
	uint64_t code, info1, info2, int_info;
	uint64_t rax, rbx, rcx, rdx, rsi;
	uint8_t insn_len;
	const uint8_t *insn;
};

static inline void svm_decode_in(const struct svm_exit_in *in, struct hv_exit *out, struct svm_decoded *d)
{
	struct vmcb_control c = { .exit_code = in->code, .exit_info1 = in->info1, .exit_info2 = in->info2, .exit_int_info = in->int_info, .insn_len = in->insn_len };
	const uint64_t gpr[REG_GPRS] = { [REG_RAX] = in->rax, [REG_RBX] = in->rbx, [REG_RCX] = in->rcx, [REG_RDX] = in->rdx, [REG_RSI] = in->rsi };

	if (in->insn_len)
		memcpy(c.insn, in->insn, in->insn_len);
	memset(out, 1, sizeof(*out)); /* of an older exit */
	svm_exit_decode(&c, gpr, out, d);
}

#endif
