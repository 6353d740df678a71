/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the config file: whatever the text is, the result must keep its promises: bounded lists, ended strings, ranges, guests that
 * pass their own check, and printable messages that name the file. Host only. */
#include <sandbox/config.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void require(int cond)
{
	if (!cond)
		abort();
}

static void check_errors(const struct config *c, unsigned mistakes)
{
	require(c->nerrors == (mistakes < CONFIG_MAX_ERRORS ? mistakes : CONFIG_MAX_ERRORS));
	for (unsigned i = 0; i < c->nerrors; i++) {
		size_t len = strnlen(c->errors[i], sizeof(c->errors[i]));

		require(len < sizeof(c->errors[i]) && !strncmp(c->errors[i], "f.yaml:", 7));
		for (size_t k = 0; k < len; k++)
			require(c->errors[i][k] >= ' ' && c->errors[i][k] < 0x7f);
	}
}

static void check_network(const struct net_config *n)
{
	require(n->dhcp == !n->address[0]);
	require(strnlen(n->address, sizeof(n->address)) < sizeof(n->address) && strnlen(n->gateway, sizeof(n->gateway)) < sizeof(n->gateway));
	require(strnlen(n->dns[0], sizeof(n->dns[0])) < sizeof(n->dns[0]) && strnlen(n->dns[1], sizeof(n->dns[1])) < sizeof(n->dns[1]));
	require(strnlen(n->ntp, sizeof(n->ntp)) < sizeof(n->ntp));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config c;
	char *text = malloc(size ? size : 1); /* exact: the sanitizer sees what reads past it */
	unsigned mistakes;

	memcpy(text, data, size);
	config_defaults(&c);
	mistakes = config_parse(&c, "f.yaml", text, size);
	free(text);
	check_errors(&c, mistakes);
	check_network(&c.net);
	require(strnlen(c.node_name, sizeof(c.node_name)) < sizeof(c.node_name));
	require(c.api_port > 0 && (c.on_panic == PANIC_RESET || c.on_panic == PANIC_HALT));
	require(c.nguests <= CONFIG_MAX_GUESTS);
	for (unsigned i = 0; i < c.nguests; i++) {
		require(vm_spec_check(&c.guests[i], NULL) == OK);
		for (unsigned k = 0; k < i; k++)
			require(strcmp(c.guests[i].name, c.guests[k].name) != 0);
	}
	return 0;
}
