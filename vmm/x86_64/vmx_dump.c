/* SPDX-License-Identifier: Apache-2.0 */
/* The loaded VMCS into the log, when the CPU refused to enter it or met something that we must have set up wrongly. Own CPU. One VM ends
 * by it, so its length is bounded by the operator's patience, not by a rate. */
#include "vmx.h"
#include <core/fmt.h>
#include <core/log.h>
#include <string.h>

#define PER_LINE 4 /* of at most 40 characters each */

struct dump_row { uint16_t field; const char *name; };
static const struct dump_row dump_rows[] = {
	{ VMCS_ENTRY_EVENT, "entry event" },
	{ VMCS_ENTRY_ERROR_CODE, "entry error" }, { VMCS_EXCEPTIONS, "exceptions" }, { VMCS_VPID, "vpid" }, { VMCS_EPTP, "eptp" },
	{ VMCS_TPR_THRESHOLD, "tpr threshold" }, { VMCS_LINK, "link" },
	{ VMCS_EXIT_REASON, "exit reason" }, { VMCS_QUALIFICATION, "qualification" }, { VMCS_INSN_ERROR, "instruction error" },
	{ VMCS_GUEST_PHYSICAL, "physical" }, { VMCS_IDT_EVENT, "vectoring" },
	{ VMCS_GUEST_CR0, "cr0" }, { VMCS_CR0_SHADOW, "cr0 shadow" }, { VMCS_GUEST_CR3, "cr3" }, { VMCS_GUEST_CR4, "cr4" },
	{ VMCS_CR4_SHADOW, "cr4 shadow" }, { VMCS_GUEST_EFER, "efer" }, { VMCS_GUEST_PAT, "pat" }, { VMCS_GUEST_DEBUGCTL, "debugctl" },
	{ VMCS_GUEST_RIP, "rip" }, { VMCS_GUEST_RSP, "rsp" }, { VMCS_GUEST_RFLAGS, "rflags" }, { VMCS_GUEST_DR7, "dr7" },
	{ VMCS_GUEST_INTERRUPTIBILITY, "interruptibility" }, { VMCS_GUEST_ACTIVITY, "activity" }, { VMCS_GUEST_PENDING_DEBUG, "pending debug" },
	{ VMCS_GUEST_ES_LIMIT + 2 * SEG_GDTR, "gdtr.limit" }, { VMCS_GUEST_ES_BASE + 2 * SEG_GDTR, "gdtr.base" },
	{ VMCS_GUEST_ES_LIMIT + 2 * SEG_IDTR, "idtr.limit" }, { VMCS_GUEST_ES_BASE + 2 * SEG_IDTR, "idtr.base" },
	{ VMCS_HOST_CR0, "host cr0" }, { VMCS_HOST_CR3, "host cr3" }, { VMCS_HOST_CR4, "host cr4" }, { VMCS_HOST_EFER, "host efer" },
	{ VMCS_HOST_RIP, "host rip" }, { VMCS_HOST_RSP, "host rsp" }, { VMCS_HOST_TR_BASE, "host tr" }, { VMCS_HOST_GDTR_BASE, "host gdtr" },
};

/* SDM 3C 31.4, those that an entry can end with. */
static const char *instruction_error(uint64_t e)
{
	switch (e) {
	case 4: return "VMLAUNCH of a VMCS that is not clear";
	case 5: return "VMRESUME of a VMCS that was not launched";
	case 7: return "invalid control fields";
	case 8: return "invalid host state";
	case 12: return "no such field, or not writable";
	case 26: return "blocked by MOV SS";
	default: return "see SDM 3C 31.4";
	}
}

static void dump_controls(void)
{
	static const struct { uint16_t field; uint8_t word /* enum vmx_word */; const char *name; } words[] = {
		{ VMCS_PIN_CONTROLS, VMX_WORD_PIN, "pin" }, { VMCS_PROC_CONTROLS, VMX_WORD_PROC, "processor" },
		{ VMCS_PROC2_CONTROLS, VMX_WORD_PROC2, "secondary" }, { VMCS_EXIT_CONTROLS, VMX_WORD_EXIT, "exit" },
		{ VMCS_ENTRY_CONTROLS, VMX_WORD_ENTRY, "entry" },
	};

	for (unsigned w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		const uint32_t value = (uint32_t)vmcs_read(words[w].field);
		char line[LOG_LINE_MAX];
		size_t start = fmt_buf(line, sizeof(line), " %s controls 0x%x:", words[w].name, value), len = start;

		for (unsigned b = 0; b < 32; b++) {
			const char *name = value & (1u << b) ? vmx_control_name(words[w].word, 1u << b) : NULL;

			if (!name)
				continue;
			if (len + strlen(name) + 2 >= sizeof(line)) {
				log_error("vmx", "%s", line);
				len = start;
			}
			len += fmt_buf(line + len, sizeof(line) - len, " %s;", name);
		}
		log_error("vmx", "%s", line);
	}
}

static void dump_segments(void)
{
	static const char *const names[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const uint32_t rights = (uint32_t)vmcs_read(VMCS_GUEST_ES_RIGHTS + 2 * i);
		char words[64];

		vmx_explain_rights(rights, words, sizeof(words));
		log_error("vmx", " %s=0x%llx base 0x%llx limit 0x%llx rights 0x%x: %s", names[i], (unsigned long long)vmcs_read(VMCS_GUEST_ES_SEL + 2 * i),
			  (unsigned long long)vmcs_read(VMCS_GUEST_ES_BASE + 2 * i), (unsigned long long)vmcs_read(VMCS_GUEST_ES_LIMIT + 2 * i), rights, words);
	}
}

void vmx_dump(const struct vcpu *v, const char *why)
{
	const unsigned n = sizeof(dump_rows) / sizeof(dump_rows[0]);
	uint64_t e = vmcs_read(VMCS_INSN_ERROR);

	log_error("vmx", "%s: vcpu %u on CPU %u: %s (last instruction error %llu: %s)", v->vm->name, v->index, hal_cpu_id(), why,
		  (unsigned long long)e, instruction_error(e));
	dump_controls();
	dump_segments();
	for (unsigned i = 0; i < n; i += PER_LINE) {
		char line[LOG_LINE_MAX];
		size_t len = 0;

		for (unsigned j = i; j < n && j < i + PER_LINE; j++)
			len += fmt_buf(line + len, sizeof(line) - len, " %s=0x%llx", dump_rows[j].name, (unsigned long long)vmcs_read(dump_rows[j].field));
		log_error("vmx", "%s", line);
	}
}
