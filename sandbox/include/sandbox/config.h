/* SPDX-License-Identifier: Apache-2.0 */
/* caisson.yaml: parsed once at boot. A mistake is named with file, line, column and what was expected; what was right is still used. CPU 0. */
#ifndef SANDBOX_CONFIG_H
#define SANDBOX_CONFIG_H
#include <core/panic.h>
#include <net/netif.h>
#include <sandbox/vm_ctl.h>

#define CONFIG_MAX_ERRORS 16
#define CONFIG_MAX_GUESTS 32
#define CONFIG_MAX_KEYS 8 /* of one mapping */

struct config_mark { unsigned line, column; }; /* from 1, as editors count; 0: nowhere */
struct config {
	char node_name[64];                /* default "caisson-" and six hex digits of the first MAC (set by the caller when empty) */
	struct net_config net;
	uint16_t api_port;                 /* 8443 */
	enum panic_action on_panic;        /* reset */
	uint32_t overcommit_percent;       /* 100 */
	uint32_t images_limit_mib;         /* 0: half of the memory */
	struct vm_spec guests[CONFIG_MAX_GUESTS]; unsigned nguests; /* kernel and initrd name files of the folder */
	struct config_mark guest_at[CONFIG_MAX_GUESTS][CONFIG_MAX_KEYS + 1]; /* where each value stands; last: the guest itself */
	const char *file;                  /* its name, for mistakes */
	unsigned mistakes;                 /* all of them; the first CONFIG_MAX_ERRORS are kept */
	char errors[CONFIG_MAX_ERRORS][160]; unsigned nerrors;      /* "caisson.yaml:3:7: expected a number from 1 to 64, found \"many\"" */
};
void config_defaults(struct config *c);
/* Parses text of n bytes over the defaults; file must stay. Returns the number of mistakes. Hostile input: bounded depth, aliases refused, at most 64 KiB. */
unsigned config_parse(struct config *c, const char *file, const char *text, size_t n);
/* What turns out to be wrong when the config is put to use. where: a file's name, perhaps with a place in it. */
void config_report(struct config *c, const char *where, const char *f, ...) __attribute__((format(printf, 3, 4)));
/* The same of guests[i]: at the value whose key detail begins with ("kernel: ..."), else at the guest. */
void config_report_guest(struct config *c, unsigned i, const char *detail);
/* Mistakes from errors[from] on to the log, and so to the console. */
void config_log(const struct config *c, unsigned from);

#endif
