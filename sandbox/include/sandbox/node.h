/* SPDX-License-Identifier: Apache-2.0 */
/* The node as the API and the screen show it. CPU 0. */
#ifndef SANDBOX_NODE_H
#define SANDBOX_NODE_H
#include <net/tls.h>
#include <sandbox/config.h>
#include <stdbool.h>

#define CAISSON_VERSION_TEXT_MAX 32
struct node {
	const struct config *config;
	char name[64];
	struct tls_identity *identity;
	bool identity_persistent;
	char api_url[80];
};
extern struct node node; /* the one struct appliance: filled by efi/main.c's start task, read by the API and the screen */
const char *node_version(void); /* "0.1.0" */
/* [task] Ends guests, tells clients, then resets or powers off. */
void node_reboot(void);
void node_poweroff(void);

#endif
