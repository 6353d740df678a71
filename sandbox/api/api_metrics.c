/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics: Prometheus text format 0.0.4. One table row per plain number; the labelled families have a function each. CPU 0. */
#include <core/arith.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <net/http.h>
#include <sandbox/event.h>
#include <sandbox/pairing.h>
#include <stdlib.h>
#include <string.h>
#include "call.h"

/* A growing text; when memory runs out the rest is dropped and failed is set. */
struct text { char *p; size_t len, cap; bool failed; };

static void text_add(struct text *t, const char *f, ...) __attribute__((format(printf, 2, 3)));
static void text_add(struct text *t, const char *f, ...)
{
	char line[256];
	va_list ap;
	size_t n;

	va_start(ap, f);
	n = fmt_vbuf(line, sizeof(line), f, ap);
	va_end(ap);
	n = MIN(n, sizeof(line) - 1);
	if (t->len + n > t->cap) {
		size_t cap = MAX(2 * t->cap, (size_t)8192);
		char *p = realloc(t->p, cap);

		if (!p) {
			t->failed = true;
			return;
		}
		t->p = p;
		t->cap = cap;
	}
	memcpy(t->p + t->len, line, n);
	t->len += n;
}

static void family(struct text *t, const char *name, const char *type, const char *help)
{
	text_add(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Everything that is one number, gathered before it is written. */
struct numbers {
	struct page_stats pages;
	struct http_stats http;
	struct tls_stats tls;
	struct pairing_stats pairing;
	uint64_t uptime_s, vms, vms_running, events;
};

#define NUMBER(m, unit, n, t, h) {"caisson_" n, t, h, offsetof(struct numbers, m), unit}
static const struct { const char *name, *type, *help; size_t off; uint64_t unit; } rows[] = {
	NUMBER(uptime_s, 1, "uptime_seconds", "gauge", "Time since the node started."),
	NUMBER(pages.total, PAGE_SIZE, "memory_total_bytes", "gauge", "Memory that the node manages."),
	NUMBER(pages.free, PAGE_SIZE, "memory_free_bytes", "gauge", "Memory that nobody uses."),
	NUMBER(pages.host, PAGE_SIZE, "memory_host_bytes", "gauge", "Memory used by the node itself."),
	NUMBER(pages.guest, PAGE_SIZE, "memory_guest_bytes", "gauge", "Memory that guests have touched."),
	NUMBER(pages.reserved, PAGE_SIZE, "memory_reserved_bytes", "gauge", "Memory promised and not yet used."),
	NUMBER(vms, 1, "vms", "gauge", "VMs that exist."),
	NUMBER(vms_running, 1, "vms_running", "gauge", "VMs that run."),
	NUMBER(events, 1, "events_total", "counter", "Events since start."),
	NUMBER(http.connections, 1, "http_connections_total", "counter", "Connections accepted."),
	NUMBER(http.active, 1, "http_connections_active", "gauge", "Connections open now."),
	NUMBER(http.refused, 1, "http_connections_refused_total", "counter", "Connections refused or evicted at the limit."),
	NUMBER(http.requests, 1, "http_requests_total", "counter", "Requests answered."),
	NUMBER(http.bad_requests, 1, "http_bad_requests_total", "counter", "Requests that were malformed."),
	NUMBER(http.timeouts, 1, "http_timeouts_total", "counter", "Connections closed for being slow or silent."),
	NUMBER(tls.handshakes, 1, "tls_handshakes_total", "counter", "TLS handshakes completed."),
	NUMBER(tls.failed, 1, "tls_handshakes_failed_total", "counter", "TLS handshakes that failed."),
	NUMBER(tls.bad_certificates, 1, "tls_bad_certificates_total", "counter", "Client certificates refused."),
	NUMBER(pairing.paired, 1, "pairing_codes_used_total", "counter", "Right pairing codes; with a good CSR a client was paired."),
	NUMBER(pairing.wrong, 1, "pairing_wrong_codes_total", "counter", "Wrong pairing codes."),
	NUMBER(pairing.throttled, 1, "pairing_throttled_total", "counter", "Pairing tries refused for coming too fast or too late."),
	NUMBER(pairing.burnt, 1, "pairing_burnt_codes_total", "counter", "Pairing codes burnt by wrong tries."),
};

static void add_numbers(struct text *t)
{
	struct numbers n = {.uptime_s = hal_clock_ns() / NS_PER_S, .events = event_last_id()};
	unsigned running;

	page_stats(&n.pages);
	http_stats(&n.http);
	tls_stats(&n.tls);
	pairing_stats(&n.pairing);
	n.vms = vm_ctl_count(&running);
	n.vms_running = running;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t v = *(const uint64_t *)(const void *)((const char *)&n + rows[i].off);

		family(t, rows[i].name, rows[i].type, rows[i].help);
		text_add(t, "%s %llu\n", rows[i].name, (unsigned long long)(v * rows[i].unit));
	}
}

/* Seconds with nine decimals, without floats. */
static void add_seconds(struct text *t, const char *series, uint64_t ns)
{
	text_add(t, "%s %llu.%09llu\n", series, (unsigned long long)(ns / NS_PER_S), (unsigned long long)(ns % NS_PER_S));
}

static void add_cpus(struct text *t)
{
	static const char *const modes[] = {"host", "guest", "idle"};
	char series[96];

	family(t, "caisson_cpu_seconds_total", "counter", "Time of each CPU by what it did.");
	for (unsigned cpu = 0; cpu < hal_cpu_count(); cpu++) {
		struct loop_stats st;

		loop_stats(cpu, &st);
		const uint64_t ns[] = {st.host_ns, st.guest_ns, st.idle_ns};

		for (unsigned m = 0; m < ARRAY_LEN(modes); m++) {
			fmt_buf(series, sizeof(series), "caisson_cpu_seconds_total{cpu=\"%u\",mode=\"%s\"}", cpu, modes[m]);
			add_seconds(t, series, ns[m]);
		}
	}
}

static const char *const exit_names[HV_EXIT_KINDS] = {
	[HV_EXIT_HOST] = "host", [HV_EXIT_STAGE2] = "stage2", [HV_EXIT_MMIO] = "mmio", [HV_EXIT_PIO] = "pio", [HV_EXIT_IDLE] = "idle",
	[HV_EXIT_PAUSE] = "pause", [HV_EXIT_CALL] = "call", [HV_EXIT_CPUID] = "cpuid", [HV_EXIT_RDMSR] = "rdmsr", [HV_EXIT_WRMSR] = "wrmsr",
	[HV_EXIT_XSETBV] = "xsetbv", [HV_EXIT_SYSREG] = "sysreg", [HV_EXIT_IRQ_WINDOW] = "irq_window", [HV_EXIT_TIMER] = "timer",
	[HV_EXIT_SHUTDOWN] = "shutdown", [HV_EXIT_UNDEFINED] = "undefined", [HV_EXIT_INVALID] = "invalid",
};

static void add_vm_exits(struct text *t)
{
	family(t, "caisson_vm_exits_total", "counter", "Exits of a VM's vCPUs by kind.");
	for (struct vm_ctl *c = vm_ctl_next(NULL); c; c = vm_ctl_next(c))
		for (unsigned k = 0; c->vm && k < HV_EXIT_KINDS; k++) {
			uint64_t n = vm_exits(c->vm, k);

			if (n && exit_names[k])
				text_add(t, "caisson_vm_exits_total{vm=\"%s\",kind=\"%s\"} %llu\n", c->spec.name, exit_names[k], (unsigned long long)n);
		}
}

#define VM_NUMBER(m, n, t, h) {"caisson_vm_" n, t, h, offsetof(struct vm_stats, m)}
static const struct { const char *name, *type, *help; size_t off; } vm_rows[] = {
	VM_NUMBER(resident_bytes, "resident_bytes", "gauge", "Guest memory that the VM has touched."),
	VM_NUMBER(unknown_msrs, "unknown_msrs_total", "counter", "Accesses to MSRs that are not offered."),
	VM_NUMBER(unknown_ports, "unknown_ports_total", "counter", "Accesses to I/O ports where nothing is."),
	VM_NUMBER(unknown_mmio, "unknown_mmio_total", "counter", "Accesses to memory addresses where nothing is."),
};

static void add_vms(struct text *t)
{
	char series[128];

	for (unsigned i = 0; i < ARRAY_LEN(vm_rows); i++) {
		family(t, vm_rows[i].name, vm_rows[i].type, vm_rows[i].help);
		for (struct vm_ctl *c = vm_ctl_next(NULL); c; c = vm_ctl_next(c)) {
			struct vm_stats st = {0};

			if (c->vm)
				vm_stats(c->vm, &st);
			text_add(t, "%s{vm=\"%s\"} %llu\n", vm_rows[i].name, c->spec.name,
				 (unsigned long long)*(const uint64_t *)(const void *)((const char *)&st + vm_rows[i].off));
		}
	}
	family(t, "caisson_vm_cpu_seconds_total", "counter", "Time that a VM's vCPUs ran, or were ready and did not (steal).");
	for (struct vm_ctl *c = vm_ctl_next(NULL); c; c = vm_ctl_next(c)) {
		struct vm_stats st = {0};

		if (c->vm)
			vm_stats(c->vm, &st);
		fmt_buf(series, sizeof(series), "caisson_vm_cpu_seconds_total{vm=\"%s\",mode=\"run\"}", c->spec.name);
		add_seconds(t, series, st.run_ns);
		fmt_buf(series, sizeof(series), "caisson_vm_cpu_seconds_total{vm=\"%s\",mode=\"steal\"}", c->spec.name);
		add_seconds(t, series, st.steal_ns);
	}
	add_vm_exits(t);
}

void api_metrics(struct call *c)
{
	struct text t = {0};

	add_numbers(&t);
	add_cpus(&t);
	add_vms(&t);
	if (t.failed)
		api_problem_text(c->x, PROBLEM_INSUFFICIENT_MEMORY, "no memory for the metrics");
	else
		http_respond(c->x, 200, "text/plain; version=0.0.4; charset=utf-8", t.p, t.len);
	free(t.p);
}
