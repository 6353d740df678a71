/* SPDX-License-Identifier: Apache-2.0 */
/* caisson.yaml: parsed once at boot. A mistake is named with file, line, column and what was expected; what was right is still used. CPU 0. */
#ifndef SANDBOX_CONFIG_H
#define SANDBOX_CONFIG_H
#include <core/panic.h>
#include <net/netif.h>
#include <sandbox/vm_ctl.h>

#define CONFIG_MAX_ERRORS 16
#define CONFIG_MAX_GUESTS 32
struct config {
	char node_name[64];                /* default "caisson-" and six hex digits of the first MAC (set by the caller when empty) */
	struct net_config net;
	uint16_t api_port;                 /* 8443 */
	enum panic_action on_panic;        /* reset */
	uint32_t images_limit_mib;         /* 0: half of the memory */
	struct vm_spec guests[CONFIG_MAX_GUESTS]; unsigned nguests; /* kernel and initrd name files of the folder */
	char errors[CONFIG_MAX_ERRORS][160]; unsigned nerrors;      /* "caisson.yaml:3:7: expected a number from 1 to 64, found \"many\"" */
};
void config_defaults(struct config *c);
/* Parses text of n bytes over the defaults. Returns the number of mistakes. Hostile input: bounded depth, aliases refused, at most 64 KiB. */
unsigned config_parse(struct config *c, const char *file, const char *text, size_t n);

#endif
