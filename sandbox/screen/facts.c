/* SPDX-License-Identifier: Apache-2.0 */
/* Copies what the screen shows out of the node's objects, so that drawing knows none of them. CPU 0, loop context; does no I/O. */
#include <core/arith.h>
#include <core/clock.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/task.h>
#include <net/netif.h>
#include <string.h>
#include <sandbox/vm_ctl.h>
#include <vmm/hv.h>
#include "screen_impl.h"

#define SAMPLE_NS (900 * NS_PER_MS) /* shorter intervals would make the figures jump */

#define COPY(dst, text) fmt_buf((dst), sizeof(dst), "%s", (text))

/* Of all CPUs together since the last look. */
static void sample_cpus(struct screen_sampler *s)
{
	uint64_t now = hal_clock_ns(), host = 0, guest = 0, span = (now - s->at_ns) * hal_cpu_count();
	struct loop_stats st;

	if (s->primed && now - s->at_ns < SAMPLE_NS)
		return;
	for (unsigned i = 0; i < hal_cpu_count(); i++) {
		loop_stats(i, &st);
		host += st.host_ns;
		guest += st.guest_ns;
	}
	/* The counters lag a little behind each other: a difference may come out negative or too large. */
	if (s->primed && span) {
		s->host_percent = host < s->host_ns ? 0 : (unsigned)MIN((host - s->host_ns) * 100 / span, 100u);
		s->guest_percent = guest < s->guest_ns ? 0 : (unsigned)MIN((guest - s->guest_ns) * 100 / span, 100u);
	}
	*s = (struct screen_sampler){now, host, guest, s->host_percent, s->guest_percent, true};
}

static void collect_guest(struct screen_guest *g, const struct vm_ctl *c)
{
	COPY(g->name, c->spec.name);
	COPY(g->reason, vm_ctl_reason(c));
	g->state = vm_ctl_state(c);
	g->vcpus = c->spec.vcpus;
	g->memory_mib = c->spec.memory_mib;
	g->uptime_ns = c->vm && g->state != VM_STOPPED && g->state != VM_CRASHED ? vm_uptime_ns(c->vm) : 0;
}

static void collect_guests(struct screen_facts *f)
{
	f->total_guests = vm_ctl_count(NULL);
	for (struct vm_ctl *c = vm_ctl_next(NULL); c && f->nguests < SCREEN_MAX_GUESTS; c = vm_ctl_next(c))
		collect_guest(&f->guests[f->nguests++], c);
}

static void collect_access(struct screen_facts *f)
{
	const char *code = pairing_code();
	struct pairing_stats st;

	while (f->naddresses < SCREEN_MAX_ADDRESSES && net_address(f->naddresses, f->addresses[f->naddresses]))
		f->naddresses++;
	COPY(f->url, node.api_url);
	COPY(f->fingerprint, node.identity ? tls_identity_fingerprint(node.identity) : "");
	COPY(f->code, code ? code : "");
	pairing_stats(&st);
	f->code_burnt = !code && st.burnt;
}

void screen_facts_collect(struct screen_facts *f, struct screen_sampler *s)
{
	memset(f, 0, sizeof(*f));
	COPY(f->name, node.name);
	COPY(f->version, node_version());
	COPY(f->cpu_model, hal_cpu_model());
	if (clock_source() != CLOCK_NONE)
		clock_rfc3339(clock_utc_ns(), f->utc);
	sample_cpus(s);
	f->uptime_ns = hal_clock_ns();
	f->ncpus = hal_cpu_count();
	f->host_percent = s->host_percent;
	f->guest_percent = s->guest_percent;
	page_stats(&f->pages);
	f->config = node.config;
	if (!hv_current)
		COPY(f->no_guests_reason, hv_reason() ? hv_reason() : "not probed yet");
	collect_access(f);
	collect_guests(f);
}
