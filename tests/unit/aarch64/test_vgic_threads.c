/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs and a device on threads of their own: whoever sends waits until it was handled before the next one, so that a lost interrupt ends in
 * silence, and one that comes twice is counted. Kicks are nothing here: the vCPUs never sleep, and look at their queues without a lock. */
#include <pthread.h>
#include <sched.h>
#include <unit/tap.h>
#include "bare_arm.h"

enum { VCPUS = 3, ROUNDS = 3000, EDGE = 70, LEVEL = 33 };

static atomic_uint sent[VCPUS][VCPUS], handled[VCPUS][VCPUS]; /* SGIs: [to][from], the number of an SGI is who sent it */
static atomic_uint edges_sent, edges_handled, levels_sent, levels_handled, twice;
static atomic_uint done;
static struct irq_line line;

/* A handler in the guest: runs between entry and exit, except for what it does to devices. */
static void handle(unsigned me, unsigned intid)
{
	if (intid < VCPUS) {
		if (atomic_fetch_add(&handled[me][intid], 1) >= atomic_load(&sent[me][intid]))
			atomic_fetch_add(&twice, 1);
	} else if (intid == EDGE) {
		if (atomic_fetch_add(&edges_handled, 1) >= atomic_load(&edges_sent))
			atomic_fetch_add(&twice, 1);
	} else if (intid == LEVEL) {
		spin_lock(&bare.lock);
		irq_line_set(&line, false);
		spin_unlock(&bare.lock);
		if (atomic_fetch_add(&levels_handled, 1) >= atomic_load(&levels_sent))
			atomic_fetch_add(&twice, 1);
	}
}

static void run_guest(struct vcpu *v)
{
	struct vgic_hw *hw = vgic_flush(v);
	unsigned intid = gicv_ack(hw);

	if (intid == GICV_NONE) {
		vgic_sync(v);
		return;
	}
	vgic_sync(v);                  /* its access to the device is an exit */
	handle(v->index, intid);
	gicv_eoi(vgic_flush(v), intid);
	vgic_sync(v);
}

static bool send(struct vcpu *v)
{
	unsigned me = v->index;
	bool more = false;

	for (unsigned to = 0; to < VCPUS; to++) {
		unsigned n = atomic_load(&sent[to][me]);

		more |= n < ROUNDS || atomic_load(&handled[to][me]) < n;
		if (n == ROUNDS || atomic_load(&handled[to][me]) < n)
			continue;
		atomic_store(&sent[to][me], n + 1);
		vgic_send_sgi(v, (uint64_t)me << 24 | 1u << to);
	}
	return more;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	bool told = false;

	while (atomic_load(&done) < VCPUS + 1) {
		run_guest(v);
		if (!send(v) && !told) {
			told = true;
			atomic_fetch_add(&done, 1);
		}
		sched_yield();
	}
	return NULL;
}

/* Edges and levels that are routed anew each time. */
static void *device_thread(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		spin_lock(&bare.lock);
		mmio_wr(VIRT_GICD + IROUTER + EDGE * 8, 8, i % VCPUS);
		mmio_wr(VIRT_GICD + IROUTER + LEVEL * 8, 8, (i + 1) % VCPUS);
		atomic_fetch_add(&edges_sent, 1);
		mmio_wr(VIRT_GICD + SETSPI, 4, EDGE);
		atomic_fetch_add(&levels_sent, 1);
		irq_line_set(&line, true);
		mmio_wr(VIRT_GICD + IROUTER + EDGE * 8, 8, (i + 2) % VCPUS);
		spin_unlock(&bare.lock);
		while (atomic_load(&edges_handled) <= i || atomic_load(&levels_handled) <= i)
			sched_yield();
	}
	atomic_fetch_add(&done, 1);
	return NULL;
}

static void set_up(void)
{
	CHECK(bare_init(VCPUS));
	vgic_probed(2); /* tight */
	gicd_set(GICD_CTLR, 2);
	set_edge(EDGE);
	line = vgic_line(&bare, LEVEL);
	bit_set(0, ISENABLER, EDGE);
	bit_set(0, ISENABLER, LEVEL);
	for (unsigned i = 0; i < VCPUS; i++) {
		for (unsigned sgi = 0; sgi < VCPUS; sgi++)
			bit_set(i, ISENABLER, sgi);
		vgic_flush(&bare_vcpus[i])->vmcr = GICV_VMCR;
		vgic_sync(&bare_vcpus[i]);
	}
}

int main(void)
{
	pthread_t threads[VCPUS + 1];
	unsigned total = 0;

	fake_init(32 * MIB, 1);
	set_up();
	for (unsigned i = 0; i < VCPUS; i++)
		if (pthread_create(&threads[i], NULL, vcpu_thread, &bare_vcpus[i]))
			return 1;
	if (pthread_create(&threads[VCPUS], NULL, device_thread, NULL))
		return 1;
	for (unsigned i = 0; i <= VCPUS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned to = 0; to < VCPUS; to++)
		for (unsigned from = 0; from < VCPUS; from++)
			total += atomic_load(&handled[to][from]);
	ok_eq(total, VCPUS * VCPUS * ROUNDS, "each SGI was handled");
	ok_eq(edges_handled, ROUNDS, "and each message");
	ok_eq(levels_handled, ROUNDS, "and each level");
	ok_eq(twice, 0, "none twice");
	CHECK(bare_fini());
	return tap_done();
}
