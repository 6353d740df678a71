/* SPDX-License-Identifier: Apache-2.0 */
/* caisson.yaml: what is right is used, what is wrong is named with line, column and what was expected, and hostile text stays small. */
#include "../../sandbox/config/config_impl.h"
#include "tap.h"
#include <core/arith.h>
#include <stdlib.h>
#include <string.h>

static struct config c;

/* Parses an exact copy, so that the sanitizer sees reads past its end. */
static unsigned parse_bytes(const char *text, size_t n)
{
	char *copy = malloc(n ? n : 1);
	unsigned mistakes;

	memcpy(copy, text, n);
	config_defaults(&c);
	mistakes = config_parse(&c, "caisson.yaml", copy, n);
	free(copy);
	return mistakes;
}

static unsigned parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

/* One mistake, with exactly this text after the file's name. */
static void one_mistake(const char *text, const char *want, const char *name)
{
	unsigned n = parse(text);

	if (ok(n == 1 && c.nerrors == 1, "%s: one mistake", name)) {
		ok_str(c.errors[0] + strlen("caisson.yaml:"), want, name);
		return;
	}
	for (unsigned i = 0; i < c.nerrors; i++)
		tap_note("%s", c.errors[i]);
}

static void no_mistake(const char *text, const char *name)
{
	if (!ok(parse(text) == 0 && c.nerrors == 0, "%s", name))
		tap_note("%s", c.errors[0]);
}

static void test_defaults(void)
{
	static const char *const nothing[] = {"", "\n", "# a comment\n", "---\n", "---\n...\n", "~\n", "{}\n", "\xef\xbb\xbf# with a mark\n",
					      "node:\nnetwork:\napi:\nimages:\nguests:\n", "guests: []\n"};

	for (unsigned i = 0; i < ARRAY_LEN(nothing); i++) {
		no_mistake(nothing[i], "nothing said is no mistake");
		CHECK(c.net.dhcp && c.net.ipv6 && c.api_port == 8443 && c.on_panic == PANIC_RESET);
		CHECK(!c.node_name[0] && !c.images_limit_mib && !c.nguests && !c.net.address[0] && !c.net.dns[0][0]);
	}
}

static void test_all(void)
{
	no_mistake("node:\n  name: caisson-7\n  on_panic: halt\n"
		   "network: {dhcp: false, ipv6: false, address: 192.0.2.5/24, gateway: 192.0.2.1, dns: [192.0.2.1, \"2001:db8::53\"], ntp: time.example.org}\n"
		   "api:\n  port: 443\n"
		   "images:\n  limit_mib: 512\n"
		   "memory:\n  overcommit_percent: 150\n"
		   "guests:\n"
		   "- name: demo\n  vcpus: 2\n  memory_mib: 256\n  kernel: vmlinuz\n  initrd: demo-initrd\n  cmdline: \"console=ttyS0 a=b: # c\"\n"
		   "  weight: 50\n  autostart: false\n"
		   "- {name: small, kernel: 'vmlinuz'}\n", "all keys");
	ok_str(c.node_name, "caisson-7", "node.name");
	ok_eq(c.on_panic, PANIC_HALT, "node.on_panic");
	ok(!c.net.dhcp && !c.net.ipv6, "network.dhcp and ipv6");
	ok_str(c.net.address, "192.0.2.5/24", "network.address");
	ok_str(c.net.gateway, "192.0.2.1", "network.gateway");
	ok_str(c.net.dns[0], "192.0.2.1", "network.dns, first");
	ok_str(c.net.dns[1], "2001:db8::53", "network.dns, second");
	ok_str(c.net.ntp, "time.example.org", "network.ntp");
	ok_eq(c.api_port, 443, "api.port");
	ok_eq(c.images_limit_mib, 512, "images.limit_mib");
	ok_eq(c.overcommit_percent, 150, "memory.overcommit_percent");
	ok_eq(c.nguests, 2, "two guests");
	ok_str(c.guests[0].name, "demo", "guest name");
	ok(c.guests[0].vcpus == 2 && c.guests[0].memory_mib == 256 && c.guests[0].weight == 50 && !c.guests[0].autostart, "guest numbers");
	ok_str(c.guests[0].kernel, "vmlinuz", "guest kernel");
	ok_str(c.guests[0].initrd, "demo-initrd", "guest initrd");
	ok_str(c.guests[0].cmdline, "console=ttyS0 a=b: # c", "guest command line");
	ok(c.guests[1].vcpus == VM_VCPUS_DEFAULT && c.guests[1].memory_mib == VM_MEMORY_MIB_DEFAULT && c.guests[1].autostart,
	   "guest defaults; one in the file starts by itself");
}

static void test_scalars(void)
{
	one_mistake("guests:\n- name: a\n  vcpus: many\n  kernel: k\n", "3:10: expected a number from 1 to 64, found \"many\"", "a word for a number");
	ok_eq(c.nguests, 0, "a guest with a mistake is left out");
	one_mistake("api: {port: 0}\n", "1:13: expected a number from 1 to 65535, found \"0\"", "below the range");
	one_mistake("memory: {overcommit_percent: 99}\n", "1:30: expected a number from 100 to 1000, found \"99\"", "less than what is there");
	ok_eq(c.overcommit_percent, 100, "nothing is promised twice");
	one_mistake("api: {port: 65536}\n", "1:13: expected a number from 1 to 65535, found \"65536\"", "above the range");
	ok_eq(c.api_port, 8443, "the default stays");
	one_mistake("api:\n  port: 0x10\n", "2:9: expected a number from 1 to 65535, found \"0x10\"", "hexadecimal");
	one_mistake("api:\n  port: 010\n", "2:9: expected a number from 1 to 65535, found \"010\"", "a leading zero");
	one_mistake("api:\n  port: -1\n", "2:9: expected a number from 1 to 65535, found \"-1\"", "negative");
	one_mistake("api:\n  port: 99999999999999999999\n", "2:9: expected a number from 1 to 65535, found \"99999999999999999999\"", "very large");
	one_mistake("api:\n  port: \"443\"\n", "2:9: expected a number from 1 to 65535, found \"443\"", "a number in quotes is text");
	one_mistake("network:\n  dhcp: yes\n", "2:9: expected true or false, found \"yes\"", "yes is no truth value");
	one_mistake("node: {on_panic: explode}\n", "1:18: expected reset or halt, found \"explode\"", "a choice");
	one_mistake("node:\n  name: Bad_Name\n",
		    "2:9: expected 1 to 63 lower-case letters, digits or dashes, with a letter or digit at both ends, found \"Bad_Name\"", "a name");
	one_mistake("node: {name: [a]}\n",
		    "1:14: expected 1 to 63 lower-case letters, digits or dashes, with a letter or digit at both ends, found a list", "a list for a text");
	one_mistake("api:\n  port: {a: 1}\n", "2:9: expected a number from 1 to 65535, found keys with values", "a mapping for a number");
	one_mistake("api: 8443\n", "1:6: expected keys of the API, such as port: 8443, found \"8443\"", "a number for a mapping");
	one_mistake("guests:\n  name: a\n", "2:3: expected a list, found keys with values", "a mapping for a list");
	one_mistake("guests: [demo]\n", "1:10: expected the keys of a guest, such as name: demo, found \"demo\"", "a name for a guest");
	one_mistake("- a\n", "1:1: expected keys with values, such as node: and guests:, found a list", "a list for the file");
	one_mistake("hello\n", "1:1: expected keys with values, such as node: and guests:, found \"hello\"", "a word for the file");
	one_mistake("guests:\n- {name: a, kernel: k, cmdline: \"a\\0b\"}\n", "2:33: expected one line of at most 2047 bytes, found \"a\"", "a NUL inside");
	one_mistake("guests:\n- {name: a, kernel: k, cmdline: \"a\\nb\"}\n", "2:33: expected one line of at most 2047 bytes, found \"a?b\"",
		    "two lines; what a terminal would obey is not repeated");
	one_mistake("network: {ntp: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_}\n",
		    "1:16: expected the name or address of a time server, found \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\"", "long text is cut");
}

static void test_keys(void)
{
	one_mistake("guests:\n- name: a\n  kernel: k\n  memry: 5\n",
		    "4:3: unknown key \"memry\", expected one of name, vcpus, memory_mib, kernel, initrd, cmdline, weight, autostart", "unknown key");
	one_mistake("ap: {port: {x: [1, {y: 2}]}}\napi: {port: 1}\n", "1:1: unknown key \"ap\", expected one of node, network, api, memory, images, guests",
		    "what is behind an unknown key is skipped");
	ok_eq(c.api_port, 1, "and the next key is read");
	one_mistake("api: {prot: 1}\n", "1:7: unknown key \"prot\", expected port", "the only key");
	one_mistake("node:\n  name: a\n  name: b\n", "3:3: key \"name\" is given twice, first with the value at line 2", "a key twice");
	ok_str(c.node_name, "a", "the first counts");
	one_mistake("api: {port: 5}\napi: {port: 6}\n", "2:1: key \"api\" is given twice, first with the value at line 1", "a mapping twice");
	ok_eq(c.api_port, 5, "the first counts");
	one_mistake("? [a, b]\n: 1\napi: {port: 7}\n", "1:3: expected a key, found a list", "a list for a key");
	ok_eq(c.api_port, 7, "and on it goes");
	one_mistake("<<: {port: 1}\n", "1:1: unknown key \"<<\", expected one of node, network, api, memory, images, guests", "no merge keys");
}

static void test_network(void)
{
	static const char *const bad[] = {"192.0.2.5", "192.0.2.5/", "192.0.2.5/0", "192.0.2.5/31", "192.0.2.5/33", "192.0.2.5/024", "192.0.2.0/24",
					  "192.0.2.255/24", "127.0.0.1/8", "224.0.0.1/8", "0.1.2.3/8", "256.1.1.1/8", "1.2.3/8", "192.0.2.05/24",
					  "2001:db8::1/64", "192.0.2.5/24/24", "192.0.2.5/2x", "1000.1000.1000.1000.1/8"};
	char text[128], want[160];

	no_mistake("network: {address: 192.0.2.5/24}\n", "an address alone");
	ok(!c.net.dhcp, "means no DHCP");
	no_mistake("network: {address: ~, dhcp: true}\n", "null is as if not there");
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "network:\n  dhcp: false\n  address: '%s'\n", bad[i]);
		snprintf(want, sizeof(want), "3:12: expected an IPv4 address with its prefix length, such as 192.0.2.5/24, found \"%s\"", bad[i]);
		one_mistake(text, want, bad[i]);
		ok(c.net.dhcp && !c.net.address[0], "DHCP instead");
	}
	one_mistake("network:\n  dhcp: false\n", "2:9: expected an address beside dhcp: false; DHCP is used", "no address at all");
	ok(c.net.dhcp, "DHCP instead");
	one_mistake("network:\n  dhcp: true\n  address: 10.0.0.5/8\n", "3:12: expected either an address or dhcp: true, found both; DHCP is used", "both");
	ok(c.net.dhcp && !c.net.address[0], "DHCP then");
	one_mistake("network: {gateway: 10.0.0.1}\n", "1:20: expected an address beside the gateway; DHCP is used", "a gateway alone");
	one_mistake("network:\n  address: 10.1.2.3/16\n  gateway: 10.2.0.1\n", "3:12: expected another address of the network of 10.1.2.3/16, found \"10.2.0.1\"",
		    "a gateway far away");
	ok(!c.net.dhcp && !c.net.gateway[0] && c.net.address[0], "the address is used without it");
	one_mistake("network:\n  address: 10.1.2.3/16\n  gateway: 10.1.2.3\n", "3:12: expected another address of the network of 10.1.2.3/16, found \"10.1.2.3\"",
		    "its own gateway");
	one_mistake("network:\n  dns: [1.1.1.1, one.one, 9.9.9.9]\n", "2:18: expected an IPv4 or IPv6 address, found \"one.one\"", "a name for a name server");
	ok(!strcmp(c.net.dns[0], "1.1.1.1") && !strcmp(c.net.dns[1], "9.9.9.9"), "the others are used");
	one_mistake("network:\n  dns: [1.1.1.1, 2.2.2.2, 3.3.3.3, 4.4.4.4]\n", "2:27: expected at most 2 of dns", "too many name servers");
	ok_str(c.net.dns[1], "2.2.2.2", "the first two are used");
	one_mistake("network: {dns: 1.1.1.1}\n", "1:16: expected a list, found \"1.1.1.1\"", "not a list");
	one_mistake("network: {ntp: 300.1.1.1}\n", "1:16: expected the name or address of a time server, found \"300.1.1.1\"", "not quite an address");
	no_mistake("network: {ntp: \"2001:db8::123\"}\n", "a time server by address");
	no_mistake("network: {ntp: 0.pool.example.org}\n", "a time server whose name starts with a digit");
}

static void test_guests(void)
{
	char *text = malloc(32768), *p = text;

	one_mistake("guests:\n- kernel: k\n", "2:3: name: expected 1 to 63 lower-case letters, digits or dashes, with a letter or digit at both ends",
		    "without a name, placed at the guest");
	one_mistake("guests:\n- kernel: k\n  name: Demo\n", "3:9: name: expected 1 to 63 lower-case letters, digits or dashes, with a letter or digit at both ends",
		    "a wrong name, placed at it");
	one_mistake("guests:\n- name: a\n", "2:3: kernel: expected the name of an image", "without a kernel");
	one_mistake("guests:\n- name: a\n  kernel: a/b\n", "3:11: kernel: expected the name of an image", "a path for a kernel");
	one_mistake("guests:\n- {name: a, kernel: k}\n- {name: b, kernel: k}\n- {kernel: k, name: a}\n", "4:21: name: expected a name that no other guest has",
		    "two of a name");
	ok(c.nguests == 2 && !strcmp(c.guests[1].name, "b"), "the first is used");
	one_mistake("guests:\n- {name: a, kernel: k, weight: 0}\n- {name: b, kernel: k}\n", "2:32: expected a number from 1 to 10000, found \"0\"",
		    "a mistake in the first");
	ok(c.nguests == 1 && !strcmp(c.guests[0].name, "b") && c.guests[0].weight == VM_WEIGHT_DEFAULT, "the second is used, and has nothing of it");
	one_mistake("guests:\n- {name: a, kernel: [k]}\n", "2:21: expected one line of at most 64 bytes, found a list", "one report for one value");
	p += sprintf(p, "guests:\n");
	for (unsigned i = 0; i < 40; i++)
		p += sprintf(p, "- {name: g%u, kernel: k}\n", i);
	one_mistake(text, "34:3: expected at most 32 of guests", "too many guests");
	ok(c.nguests == 32 && !strcmp(c.guests[31].name, "g31"), "the first 32 are used");
	free(text);
}

static void test_hostile(void)
{
	char *big = malloc(CONFIG_MAX_BYTES + 1);

	one_mistake("node: &n\n  name: a\n", "1:7: anchors (&name) are not supported; expected the value itself", "an anchor");
	one_mistake("node:\n  name: *n\n", "2:9: aliases (*name) are not supported; expected the value itself", "an alias");
	one_mistake("node:\n  name: !!str a\n", "2:9: tags (!name) are not supported; expected the value itself", "a tag");
	one_mistake("%TAG ! tag:example.org,2000:\n---\napi: {port: 2}\n", "1:1: %TAG is not supported", "a tag directive");
	one_mistake("api: {port: 2}\n---\napi: {port: 3}\n", "2:1: expected the end of the file, found another document; it is not used", "two documents");
	ok_eq(c.api_port, 2, "the first is used");
	ok(parse("x: [[[[[[[1]]]]]]]\n") == 1, "eight levels can be skipped");
	ok(parse("x: [[[[[[[[1]]]]]]]]\n") == 2, "nine cannot");
	ok_str(c.errors[1], "caisson.yaml:1:11: nested too deeply; the rest is not used", "and it says so");
	memset(big, '[', CONFIG_MAX_BYTES);
	ok(parse_bytes(big, CONFIG_MAX_BYTES) >= 1, "64 KiB of brackets");
	memset(big, ' ', CONFIG_MAX_BYTES + 1);
	ok(parse_bytes(big, CONFIG_MAX_BYTES) == 0, "64 KiB of blanks");
	ok(parse_bytes(big, CONFIG_MAX_BYTES + 1) == 1, "one more is too much");
	ok_str(c.errors[0], "caisson.yaml:1:1: expected at most 65536 bytes, found 65537; none of it is used", "and says so");
	for (unsigned i = 0; i < CONFIG_MAX_BYTES; i += 4)
		memcpy(big + i, "? ? ", 4);
	ok(parse_bytes(big, CONFIG_MAX_BYTES) >= 1, "64 KiB of keys of keys");
	free(big);
}

static void test_syntax(void)
{
	one_mistake("node:\n  name: a\nnetwork:\n  dns: [1.1.1.1, 2.2.2.2\n", "5:1: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence", "an open bracket");
	ok_str(c.node_name, "a", "what stood before it is used");
	one_mistake("node:\n\tname: a\n", "2:1: expected spaces, found a tab", "a tab");
	one_mistake("node: \"abc\n", "2:1: not valid YAML: found unexpected end of stream while scanning a quoted scalar", "an open quote");
	one_mistake("node:\n  name: b\xff\n", "2:10: expected UTF-8 text: invalid leading UTF-8 octet", "not UTF-8");
	one_mistake("guests:\n- {name: a, kernel: k}\n- {name: b, kernel: k\n", "4:1: not valid YAML: did not find expected ',' or '}' while parsing a flow mapping",
		    "in the middle of a guest");
	ok(c.nguests == 1, "the whole one is used, the torn one is not");
	ok(parse("network:\n  dhcp: false\n  ]\n") == 1 && c.net.dhcp, "in the middle of the network: DHCP, and nothing said of what may have followed");
	ok(parse_bytes("a\0b", 3) == 1, "a NUL byte");
}

static void test_many(void)
{
	char text[2048], *p = text;

	for (unsigned i = 0; i < 40; i++)
		p += sprintf(p, "k%u: 1\n", i);
	ok_eq(parse(text), 40, "all mistakes are counted");
	ok_eq(c.nerrors, CONFIG_MAX_ERRORS, "so many are kept");
	ok_str(c.errors[15], "caisson.yaml: 25 more mistakes", "and the last line tells of the others");
}

/* Every key of the tables has its row in docs/config.md, with the range of a number. */
static void check_documented(const char *doc, const struct config_map *m, const char *path)
{
	char name[64], start[80], expected[128], row[512];

	for (unsigned i = 0; i < m->nkeys; i++) {
		const struct config_key *k = &m->keys[i];
		const char *found;

		snprintf(name, sizeof(name), "%s%s%s", path, *path ? "." : "", k->name);
		if (k->map) {
			check_documented(doc, k->map, name);
			continue;
		}
		snprintf(start, sizeof(start), "| `%s` |", name);
		found = strstr(doc, start);
		if (!ok(found, "docs/config.md has %s", name) || k->kind != CONFIG_NUMBER)
			continue;
		snprintf(row, sizeof(row), "%.*s", (int)strcspn(found, "\n"), found);
		config_expected(k, expected, sizeof(expected));
		ok(strstr(row, expected), "and says: %s", expected);
	}
}

static void test_docs(void)
{
	static char doc[65536];
	FILE *f = fopen("docs/config.md", "r");

	if (!ok(f, "docs/config.md is there"))
		return;
	doc[fread(doc, 1, sizeof(doc) - 1, f)] = '\0';
	fclose(f);
	check_documented(doc, &config_root, "");
}

/* Mistakes that show when the guests are made. */
static void test_reports(void)
{
	CHECK(parse("guests:\n  - name: bad\n    vcpus: 0\n    kernel: k\n  - name: a\n    memory_mib: 64\n    kernel: vmlinuz\n") == 1 && c.nguests == 1);
	config_report_guest(&c, 0, "kernel: there is no image \"vmlinuz\"");
	ok_str(c.errors[1], "caisson.yaml:7:13: kernel: there is no image \"vmlinuz\"", "a guest's value has its place");
	config_report_guest(&c, 0, "initrd: there is no image");
	ok_str(c.errors[2], "caisson.yaml:5:5: initrd: there is no image", "one that is not there, the guest's");
	config_report_guest(&c, 0, "no memory for it");
	ok_str(c.errors[3], "caisson.yaml:5:5: no memory for it", "and so what concerns no value");
	config_report(&c, "ca.pem", "expected %s beside it", "ca.key");
	ok_str(c.errors[4], "ca.pem: expected ca.key beside it", "another file");
	for (unsigned i = 0; i < 20; i++)
		config_report_guest(&c, 0, "again");
	ok_eq(c.nerrors, CONFIG_MAX_ERRORS, "so many are kept");
	ok_str(c.errors[CONFIG_MAX_ERRORS - 1], "caisson.yaml: 10 more mistakes", "and the others counted");
}

int main(void)
{
	test_defaults();
	test_all();
	test_scalars();
	test_keys();
	test_network();
	test_guests();
	test_hostile();
	test_syntax();
	test_many();
	test_docs();
	test_reports();
	return tap_done();
}
