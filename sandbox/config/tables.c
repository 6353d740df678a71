/* SPDX-License-Identifier: Apache-2.0 */
/* What caisson.yaml may hold: one const table per mapping. docs/config.md says the same in prose, and a test compares them. Pure. */
#include <core/arith.h>
#include "config_impl.h"

#define MAP(t) {.keys = (t), .nkeys = ARRAY_LEN(t)}
#define FIELD(type, member) .off = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define ITEMS(type, member) .off = offsetof(type, member), .size = sizeof(((type *)0)->member[0]), .max = ARRAY_LEN(((type *)0)->member)

static const char *const panic_choices[] = {[PANIC_RESET] = "reset", [PANIC_HALT] = "halt", NULL};

static const struct config_key node_keys[] = {
	{"name", CONFIG_TEXT, FIELD(struct config, node_name), .check = config_is_host_name,
	 .expected = "1 to 63 lower-case letters, digits or dashes, with a letter or digit at both ends"},
	{"on_panic", CONFIG_CHOICE, FIELD(struct config, on_panic), .choices = panic_choices, .expected = "reset or halt", .def = "reset"},
};
static const struct config_map node_map = MAP(node_keys);

static const struct config_key network_keys[] = {
	[NETWORK_DHCP] = {"dhcp", CONFIG_BOOL, FIELD(struct net_config, dhcp), .def = "true"},
	[NETWORK_IPV6] = {"ipv6", CONFIG_BOOL, FIELD(struct net_config, ipv6), .def = "true"},
	[NETWORK_ADDRESS] = {"address", CONFIG_TEXT, FIELD(struct net_config, address), .check = config_is_ipv4_prefix,
			     .expected = "an IPv4 address with its prefix length, such as 192.0.2.5/24"},
	[NETWORK_GATEWAY] = {"gateway", CONFIG_TEXT, FIELD(struct net_config, gateway), .check = config_is_ipv4,
			     .expected = "an IPv4 address, such as 192.0.2.1"},
	[NETWORK_DNS] = {"dns", CONFIG_LIST, ITEMS(struct net_config, dns), .check = config_is_address, .expected = "an IPv4 or IPv6 address"},
	[NETWORK_NTP] = {"ntp", CONFIG_TEXT, FIELD(struct net_config, ntp), .check = config_is_server,
			 .expected = "the name or address of a time server"},
};
_Static_assert(ARRAY_LEN(network_keys) == NETWORK_KEYS, "each key has its index");
static const struct config_map network_map = {.keys = network_keys, .nkeys = ARRAY_LEN(network_keys), .finish = config_finish_network};

static const struct config_key api_keys[] = {
	{"port", CONFIG_NUMBER, FIELD(struct config, api_port), .min = 1, .max = UINT16_MAX, .def = "8443"},
};
static const struct config_map api_map = MAP(api_keys);

static const struct config_key memory_keys[] = {
	{"overcommit_percent", CONFIG_NUMBER, FIELD(struct config, overcommit_percent), .min = VM_OVERCOMMIT_MIN, .max = VM_OVERCOMMIT_MAX,
	 .def = "100"},
};
static const struct config_map memory_map = MAP(memory_keys);

static const struct config_key images_keys[] = {
	{"limit_mib", CONFIG_NUMBER, FIELD(struct config, images_limit_mib), .min = 1, .max = VM_MEMORY_MIB_MAX},
};
static const struct config_map images_map = MAP(images_keys);

/* Defaults are vm_spec_defaults'; names and ranges are vm_spec_check's, and repeated here where that makes a better message. */
static const struct config_key guest_keys[] = {
	{"name", CONFIG_TEXT, FIELD(struct vm_spec, name)},
	{"vcpus", CONFIG_NUMBER, FIELD(struct vm_spec, vcpus), .min = 1, .max = VM_MAX_VCPUS},
	{"memory_mib", CONFIG_NUMBER, FIELD(struct vm_spec, memory_mib), .min = VM_MEMORY_MIB_MIN, .max = VM_MEMORY_MIB_MAX},
	{"kernel", CONFIG_TEXT, FIELD(struct vm_spec, kernel)},
	{"initrd", CONFIG_TEXT, FIELD(struct vm_spec, initrd)},
	{"cmdline", CONFIG_TEXT, FIELD(struct vm_spec, cmdline)},
	{"weight", CONFIG_NUMBER, FIELD(struct vm_spec, weight), .min = 1, .max = VM_WEIGHT_MAX},
	{"autostart", CONFIG_BOOL, FIELD(struct vm_spec, autostart)},
};
const struct config_map config_guest = {
	.keys = guest_keys, .nkeys = ARRAY_LEN(guest_keys), .init = config_init_guest, .finish = config_finish_guest};

static const struct config_key root_keys[] = {
	{"node", CONFIG_MAP, .map = &node_map, .expected = "keys of the node, such as name: caisson-1"},
	{"network", CONFIG_MAP, .off = offsetof(struct config, net), .map = &network_map, .expected = "keys of the network, such as dhcp: true"},
	{"api", CONFIG_MAP, .map = &api_map, .expected = "keys of the API, such as port: 8443"},
	{"memory", CONFIG_MAP, .map = &memory_map, .expected = "keys of the memory, such as overcommit_percent: 150"},
	{"images", CONFIG_MAP, .map = &images_map, .expected = "keys of the images, such as limit_mib: 512"},
	{"guests", CONFIG_LIST, ITEMS(struct config, guests), .count_off = offsetof(struct config, nguests), .map = &config_guest,
	 .expected = "the keys of a guest, such as name: demo"},
};
const struct config_map config_root = MAP(root_keys);

_Static_assert(ARRAY_LEN(root_keys) <= CONFIG_MAX_KEYS && ARRAY_LEN(guest_keys) <= CONFIG_MAX_KEYS && NETWORK_KEYS <= CONFIG_MAX_KEYS,
	       "struct config_seen has room");
