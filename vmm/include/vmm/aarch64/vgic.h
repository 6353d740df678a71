/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's GICv3 (IHI0069): distributor and redistributors in software, CPU interface by the hardware's list registers, message-based SPIs
 * for MSI-X, no ITS and no LPIs. Knows no system register: the backend moves struct vgic_hw in and out of the hardware. One security state
 * (GICD_CTLR.DS 1), affinity routing always on, group 1 only. Guest MMIO comes by vm->mmio under vm->lock. */
#ifndef VMM_AARCH64_VGIC_H
#define VMM_AARCH64_VGIC_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>
#include <vmm/aarch64/virt_layout.h>
#include <vmm/irq.h>

struct vm;
struct vcpu;

/* One vCPU's virtual CPU interface as the hardware has it (IHI0069 12.4): what is loaded at entry and saved at exit. Plain, travels. */
#define VGIC_LR_MAX 16
struct vgic_hw {
	uint64_t lr[VGIC_LR_MAX], vmcr, hcr;
	uint32_t ap0r[4], ap1r[4];
	uint32_t used; /* lr[0..used) are in use, those above are zero */
};
/* What this machine's interface has; the backend says so once, before the first guest (ICH_VTR_EL2: ListRegs + 1, PREbits + 1). Without
 * the second it is taken for five bits, the least that there can be. */
void vgic_probed(unsigned list_registers);
void vgic_probed_preemption(unsigned bits);

/* Distributor of a VM: hangs on vm->irqchip, claims VIRT_GICD and VIRT_GICR. CPU 0. destroy accepts half-built. */
err_t vgic_create(struct vm *vm) MUST_CHECK;
void vgic_destroy(struct vm *vm);
void vgic_reset(struct vm *vm);
/* Redistributor and interface of a vCPU: hangs on v->irqc. */
err_t vgic_vcpu_init(struct vcpu *v) MUST_CHECK;
void vgic_vcpu_fini(struct vcpu *v);
void vgic_vcpu_reset(struct vcpu *v);

/* A level-triggered shared line (INTID 32..VIRT_MSI_FIRST-1), for devices. Under vm->lock. */
struct irq_line vgic_line(struct vm *vm, unsigned intid);
/* MSI-X of the guest's PCI functions: writes to GICD_SETSPI_NSR. Under vm->lock. */
struct msi_sink vgic_msi_sink(struct vm *vm);
/* The level of a private line of v. Own CPU. hw_intid: the host's active interrupt that the guest's deactivation ends as well, 0: none. */
void vgic_set_ppi(struct vcpu *v, unsigned intid, bool level, unsigned hw_intid);
/* A guest's write to ICC_SGI1R_EL1 (IHI0069 12.2.20). Own CPU. true: another vCPU of the same CPU gets one. */
bool vgic_send_sgi(struct vcpu *v, uint64_t sgi1r);
/* A guest's write to ICC_DIR_EL1 that trapped, which vgic_hw.hcr asks for when it has to (IHI0069 12.2). Own CPU, after sync. */
void vgic_deactivate(struct vcpu *v, uint64_t dir);

/* Own CPU, around each entry: fills the list registers from the model; takes back what the guest did to them. flush returns hw, sync reads the
 * same. Taken locks are the vgic's own. */
struct vgic_hw *vgic_flush(struct vcpu *v);
void vgic_sync(struct vcpu *v);
/* Own CPU, between two runs that follow at once: is there nothing in the list registers, so that the model is all there is? */
bool vgic_unloaded(const struct vcpu *v);
/* The same: a private line rose, of which the next run tells the guest. */
void vgic_raise_ppi(struct vcpu *v, unsigned intid, unsigned hw_intid);
/* The same: was there such a line, or did the vCPU send itself an SGI? Then sync and flush have to come before the next run. */
bool vgic_news(const struct vcpu *v);
/* Is there an interrupt that would be signalled to v now (enabled, pending, group on, above priority mask and running priority)? Own CPU, after sync. */
bool vgic_pending(struct vcpu *v);
/* Is private interrupt intid active in the guest's view, so that the host's linked one must be active too? Own CPU, after sync. */
bool vgic_ppi_active(struct vcpu *v, unsigned intid);

/* ---- state that can travel; no vCPU runs ---- */
#define VGIC_STATE_VERSION 1
#define VGIC_VCPU_STATE_VERSION 1
enum vgic_irq_flags { VGIC_F_ENABLED = 1, VGIC_F_EDGE = 2, VGIC_F_ACTIVE = 4, VGIC_F_LATCH = 8, VGIC_F_LINE = 16, VGIC_F_MESSAGE = 32 };
struct vgic_irq_state { uint8_t flags, priority, holder, reserved[5]; uint64_t route; };
struct vgic_state { uint32_t version, ctlr; struct vgic_irq_state spi[VIRT_INTIDS - 32]; };
struct vgic_vcpu_state { uint32_t version, waker; struct vgic_irq_state irq[32]; uint64_t vmcr; uint32_t ap0r[4], ap1r[4]; };
void vgic_save(const struct vm *vm, struct vgic_state *out);
err_t vgic_load(struct vm *vm, const struct vgic_state *in) MUST_CHECK; /* E_CORRUPT: unchanged */
void vgic_vcpu_save(const struct vcpu *v, struct vgic_vcpu_state *out);
err_t vgic_vcpu_load(struct vcpu *v, const struct vgic_vcpu_state *in) MUST_CHECK; /* the same; after vgic_load */

#endif
