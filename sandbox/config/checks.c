/* SPDX-License-Identifier: Apache-2.0 */
/* What values mean: names, addresses, and keys that must agree with each other. Pure but for the reports. CPU 0. */
#include <arpa/inet.h>
#include <core/arith.h>
#include <core/fmt.h>
#include <string.h>
#include "config_impl.h"

enum { LABEL_MAX = 63 };

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 1123 2.1, lower case alone: the name becomes part of certificates and URLs, which compare by bytes here and there. */
static bool label_ok(const char *p, size_t n)
{
	if (n == 0 || n > LABEL_MAX || !is_alnum(p[0]) || !is_alnum(p[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(p[i]) && p[i] != '-')
			return false;
	return true;
}

bool config_is_host_name(const char *text)
{
	return label_ok(text, strlen(text));
}

/* Host byte order. inet_pton takes four decimal numbers and nothing else. */
static bool ipv4_parse(const char *text, uint32_t *out)
{
	uint8_t b[4];

	if (inet_pton(AF_INET, text, b) != 1)
		return false;
	*out = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	return true;
}

/* An address that a host may have: not 0/8, 127/8, multicast, reserved (RFC 6890 2.2.2). */
static bool ipv4_is_host(uint32_t a)
{
	return a >> 24 != 0 && a >> 24 != 127 && a >> 24 < 224;
}

bool config_is_ipv4(const char *text)
{
	uint32_t a;

	return ipv4_parse(text, &a) && ipv4_is_host(a);
}

static bool prefix_parse(const char *text, uint32_t *addr, uint32_t *mask)
{
	const char *slash = strchr(text, '/'), *p;
	char host[16];
	unsigned bits = 0;

	if (!slash || (size_t)(slash - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	p = slash + 1;
	if (!*p || *p == '0' || strlen(p) > 2)
		return false;
	for (; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		bits = bits * 10 + (unsigned)(*p - '0');
	}
	if (bits < 1 || bits > 30 || !ipv4_parse(host, addr))
		return false;
	*mask = ~0u << (32 - bits);
	return true;
}

bool config_is_ipv4_prefix(const char *text)
{
	uint32_t addr, mask;

	/* The first and the last address of a network are nobody's. */
	return prefix_parse(text, &addr, &mask) && ipv4_is_host(addr) && (addr & ~mask) != 0 && (addr & ~mask) != ~mask;
}

static bool is_ipv6(const char *text)
{
	struct in6_addr a;

	return inet_pton(AF_INET6, text, &a) == 1;
}

bool config_is_address(const char *text)
{
	return config_is_ipv4(text) || is_ipv6(text);
}

/* Something like 1.2.3 or 300.1.1.1 is an address with a mistake, not a name: the last label of a name is no number (RFC 3696 2). */
static bool last_label_is_number(const char *text)
{
	const char *p = strrchr(text, '.');

	for (p = p ? p + 1 : text; *p; p++)
		if (*p < '0' || *p > '9')
			return false;
	return true;
}

bool config_is_server(const char *text)
{
	const char *p = text;

	if (config_is_address(text))
		return true;
	for (;;) {
		size_t n = strcspn(p, ".");

		if (!label_ok(p, n))
			return false;
		if (!p[n])
			return !last_label_is_number(text);
		p += n + 1;
	}
}

/* ---- network */

/* A gateway outside of the network could never be reached. */
static void check_gateway(struct config_reader *r, struct net_config *n, const struct config_seen *seen)
{
	uint32_t addr, mask, gateway;

	if (!n->gateway[0] || !n->address[0] || !prefix_parse(n->address, &addr, &mask) || !ipv4_parse(n->gateway, &gateway))
		return;
	if ((gateway & mask) == (addr & mask) && gateway != addr)
		return;
	config_mistake(r, seen->at[NETWORK_GATEWAY], "expected another address of the network of %s, found \"%s\"", n->address, n->gateway);
	n->gateway[0] = '\0';
}

/* A static address says that DHCP is not wanted. When the static settings are of no use, DHCP is: a node that can be managed is
 * what the operator needs to mend the file. */
void config_finish_network(struct config_reader *r, void *obj, const struct config_seen *seen, struct config_mark at)
{
	struct net_config *n = obj;

	(void)at;
	if (seen->taken[NETWORK_ADDRESS] && !seen->taken[NETWORK_DHCP])
		n->dhcp = false;
	if (r->broken)
		; /* what is missing may stand behind the syntax error */
	else if (n->dhcp && seen->taken[NETWORK_ADDRESS])
		config_mistake(r, seen->at[NETWORK_ADDRESS], "expected either an address or dhcp: true, found both; DHCP is used");
	else if (n->dhcp && seen->taken[NETWORK_GATEWAY] && !seen->wrong[NETWORK_ADDRESS])
		config_mistake(r, seen->at[NETWORK_GATEWAY], "expected an address beside the gateway; DHCP is used");
	else if (!n->dhcp && !seen->taken[NETWORK_ADDRESS] && !seen->wrong[NETWORK_ADDRESS])
		config_mistake(r, seen->at[NETWORK_DHCP], "expected an address beside dhcp: false; DHCP is used");
	if (!n->dhcp && !n->address[0])
		n->dhcp = true;
	if (n->dhcp)
		n->address[0] = n->gateway[0] = '\0';
	check_gateway(r, n, seen);
}

/* ---- guests */

void config_init_guest(void *obj)
{
	struct vm_spec *s = obj;

	vm_spec_defaults(s);
	s->autostart = true; /* a guest in the file is there to run */
}

/* vm_spec_check's message starts with the field's name. The index of that key, or nkeys. */
static unsigned key_of_detail(const char *detail)
{
	size_t n = strcspn(detail, ":");
	unsigned i = 0;

	while (i < config_guest.nkeys && (strlen(config_guest.keys[i].name) != n || strncmp(detail, config_guest.keys[i].name, n)))
		i++;
	return i;
}

/* Reports at the value that the text begins with, at the guest when that key is missing, and not at all when it was reported before. */
static void guest_mistake(struct config_reader *r, const struct config_seen *seen, struct config_mark guest, const char *detail)
{
	unsigned i = key_of_detail(detail);
	bool known = i < config_guest.nkeys;

	if (!known || !seen->wrong[i])
		config_mistake(r, known && seen->given[i] ? seen->at[i] : guest, "%s", detail);
}

void config_finish_guest(struct config_reader *r, void *obj, const struct config_seen *seen, struct config_mark at)
{
	const struct vm_spec *s = obj;
	struct problem p = {0};

	if (r->broken)
		return; /* reported; the guest is not whole and is left out */
	if (vm_spec_check(s, &p) != OK) {
		guest_mistake(r, seen, at, p.detail);
		return;
	}
	for (unsigned i = 0; i < r->c->nguests; i++)
		if (!strcmp(r->c->guests[i].name, s->name))
			guest_mistake(r, seen, at, "name: expected a name that no other guest has");
	memcpy(r->c->guest_at[r->c->nguests], seen->at, sizeof(seen->at)); /* it becomes this one, unless there was a mistake */
	r->c->guest_at[r->c->nguests][CONFIG_MAX_KEYS] = at;
}

void config_report_guest(struct config *c, unsigned i, const char *detail)
{
	const struct config_mark *at = c->guest_at[i], *m = &at[CONFIG_MAX_KEYS];
	unsigned key = key_of_detail(detail);
	char where[96];

	if (key < config_guest.nkeys && at[key].line)
		m = &at[key];
	fmt_buf(where, sizeof(where), "%.*s:%u:%u", 58, c->file, m->line, m->column);
	config_report(c, where, "%s", detail);
}
