/* SPDX-License-Identifier: Apache-2.0 */
/* Around svm_exit_decode: each first exit of its sort, as rows of tests/unit/svm_exits.h. */
#include "record.h"
#include "vmm/x86_64/svm.h"

void __real_svm_exit_decode(const struct vmcb_control *c, const uint64_t *gpr, struct hv_exit *out, struct svm_decoded *d);
void __wrap_svm_exit_decode(const struct vmcb_control *c, const uint64_t *gpr, struct hv_exit *out, struct svm_decoded *d);

/* The bits of EXITINFO1 that say what sort of exit it is, not which port. */
static uint64_t sort(const struct vmcb_control *c)
{
	switch (c->exit_code) {
	case SVM_EXIT_IOIO: return c->exit_info1 & 0xffff;
	case SVM_EXIT_NPF: return (c->exit_info1 & 0xff) | (c->exit_info1 >> 32) << 8;
	case SVM_EXIT_MSR: return c->exit_info1;
	default: return 0;
	}
}

#define ACTION(name) [name] = #name
static const char *const actions[] = {
	ACTION(SVM_ACT_EXIT), ACTION(SVM_ACT_REFLECT), ACTION(SVM_ACT_SKIP), ACTION(SVM_ACT_DR), ACTION(SVM_ACT_IRET), ACTION(SVM_ACT_CR_WRITE),
	ACTION(SVM_ACT_MACHINE_CHECK), ACTION(SVM_ACT_ENTRY_FAILED),
};

static bool reads_registers(uint64_t code)
{
	return code == SVM_EXIT_CPUID || code == SVM_EXIT_VMMCALL || code == SVM_EXIT_IOIO || code == SVM_EXIT_MSR || code == SVM_EXIT_XSETBV;
}

void __wrap_svm_exit_decode(const struct vmcb_control *c, const uint64_t *gpr, struct hv_exit *out, struct svm_decoded *d)
{
	struct record_line i = { .len = 0 }, o = { .len = 0 }, x = { .len = 0 };

	__real_svm_exit_decode(c, gpr, out, d);
	if (!record_first((c->exit_code & 0xffff) | sort(c) << 16 |
			  (c->exit_int_info & GUEST_EVENT_VALID ? 8ull | GUEST_EVENT_TYPE(c->exit_int_info) : 0) << 60))
		return;
	record_field(&i, "in.code", c->exit_code);
	record_field(&i, "in.info1", c->exit_info1);
	record_field(&i, "in.info2", c->exit_info2);
	if (c->exit_int_info & GUEST_EVENT_VALID) /* else it is of an older exit */
		record_field(&i, "in.int_info", c->exit_int_info);
	if (reads_registers(c->exit_code))
		record_registers(&i, "in.", gpr);
	record_exit(&o, out);
	record_name(&x, "action", actions[d->action]);
	record_field(&x, "vector", d->vector);
	record_field(&x, "has_error", d->has_error);
	record_field(&x, "next_rip", d->next_rip);
	record_log("svm", &i, &o, &x);
}
