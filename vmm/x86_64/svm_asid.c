/* SPDX-License-Identifier: Apache-2.0 */
/* Address space identifiers: which one a vCPU runs with, and what the TLB forgets (APM 2 15.16). Own CPU, before an entry. */
#include "svm.h"

/* ASIDs are handed out in order, per CPU; when they run out, a new generation starts with a full flush, and every vCPU asks again.
 * A vCPU that comes from another CPU, or whose VM asked for a flush, takes a new one: it has no translations. */
void svm_asid_assign(struct svm_cpu *c, struct svm_vcpu *s, uint32_t flushes)
{
	struct vmcb_control *ctl = &s->vmcb->c;
	bool stale = s->flushes_seen != flushes || s->flush;

	ctl->tlb_control = SVM_TLB_KEEP;
	if (!stale && s->asid_generation == c->generation)
		return;
	s->flushes_seen = flushes;
	s->flush = false;
	if (s->asid_generation == c->generation && svm_has(SVM_F_FLUSH_BY_ASID)) {
		ctl->tlb_control = SVM_TLB_FLUSH_ASID;
		return;
	}
	if (c->next_asid >= svm_features.asids) {
		c->generation++;
		c->next_asid = 1;
		ctl->tlb_control = SVM_TLB_FLUSH_ALL;
	}
	ctl->asid = c->next_asid++;
	s->asid_generation = c->generation;
	s->clean &= ~SVM_CLEAN_ASID;
}
