/* SPDX-License-Identifier: Apache-2.0 */
/* The node's identity from the files of the ESP, or its own. A pair of files that cannot be used is named among the config's mistakes: the
 * node must come up managed all the same. CPU 0, the start task. Must not know what a certificate looks like (net/tls). */
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/log.h>
#include <sandbox/identity.h>
#include <sandbox/names.h>
#include <sandbox/node.h>
#include <string.h>
#include <strings.h>

#define PEM_MAX (64 * KIB)

static const char *const own_files[] = {"caisson.yaml", "ca.pem", "ca.key", "server.pem", "server.key"};

bool identity_is_own_file(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(own_files); i++)
		if (strcasecmp(name, own_files[i]) == 0)
			return true;
	return false;
}

static const struct boot_file *find_file(const char *name)
{
	for (unsigned i = 0; i < boot_info->nfiles; i++)
		if (strcasecmp(boot_info->files[i].name, name) == 0)
			return &boot_info->files[i];
	return NULL;
}

/* The text of both files of a pair, or neither. The way in puts a NUL behind each file. */
static void pair_take(struct config *config, const char *cert_name, const char *key_name, const char **cert, const char **key)
{
	const struct boot_file *c = find_file(cert_name), *k = find_file(key_name);

	*cert = *key = NULL;
	if (!c && !k)
		return;
	if (!c || !k) {
		config_report(config, c ? cert_name : key_name, "expected %s beside it; it is not used", c ? key_name : cert_name);
	} else if (c->size > PEM_MAX || k->size > PEM_MAX) {
		config_report(config, c->size > PEM_MAX ? cert_name : key_name, "expected at most %u bytes of PEM; it is not used", (unsigned)PEM_MAX);
	} else {
		*cert = c->data;
		*key = k->data;
	}
}

static void wipe_file(const char *name)
{
	const struct boot_file *f = find_file(name);

	if (f) /* it lies in RAM that is ours, const by convention */
		explicit_bzero((void *)(uintptr_t)f->data, f->size);
}

/* With all that was given, then without what turned out to be of no use. The log has the exact reason. */
static err_t identity_open(const struct tls_store *store, struct config *config, struct tls_preset *p)
{
	const char *list[NAMES_MAX];
	unsigned n = names_collect(list);

	for (;;) {
		err_t e = tls_identity_open(store, p, node.name, list, n, &node.identity, &node.identity_persistent);

		if (e != E_CORRUPT)
			return e;
		if (p->server_cert_pem) {
			config_report(config, "server.pem", "expected a server's certificate that the node's CA signed, and its key in server.key; it is not used");
			p->server_cert_pem = NULL;
		} else if (p->ca_cert_pem) {
			config_report(config, "ca.pem", "expected one CA certificate, and its unencrypted key in ca.key; the node's own CA is used");
			p->ca_cert_pem = NULL;
		} else {
			return e;
		}
	}
}

err_t identity_start(const struct tls_store *store, struct config *config)
{
	struct tls_preset p;
	unsigned before = config->nerrors;
	err_t e;

	pair_take(config, "ca.pem", "ca.key", &p.ca_cert_pem, &p.ca_key_pem);
	pair_take(config, "server.pem", "server.key", &p.server_cert_pem, &p.server_key_pem);
	e = identity_open(store, config, &p);
	wipe_file("ca.key");
	wipe_file("server.key");
	config_log(config, before);
	if (e == OK && !node.identity_persistent)
		log_warn("tls", "the firmware does not keep the node's keys: it will be another node after a restart");
	return e;
}
