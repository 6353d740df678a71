/* SPDX-License-Identifier: Apache-2.0 */
/* The management plane's start: from the config file to a node that answers and runs its guests. One task on CPU 0, after the machine is
 * up. The only place that knows all parts; each step is a few lines and says what happens when it cannot be done. */
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/efivar.h>
#include <core/fmt.h>
#include <core/log.h>
#include <core/page.h>
#include <core/panic.h>
#include <net/http.h>
#include <net/netif.h>
#include <sandbox/api.h>
#include <sandbox/event.h>
#include <sandbox/image.h>
#include <sandbox/node.h>
#include <sandbox/pairing.h>
#include <sandbox/screen.h>
#include <string.h>
#include <strings.h>
#include <vmm/hv.h>
#include "appliance.h"

enum { MAX_NAMES = 12, START_STACK = 64 * 1024 };

/* Files of the folder caisson/ that are not images. */
static const char *const own_files[] = {"caisson.yaml", "ca.pem", "ca.key"};

static struct config config;
static char names[MAX_NAMES][64];
static bool names_dirty, api_up;
static struct wait_queue names_changed;

static const struct boot_file *find_file(const char *name)
{
	for (unsigned i = 0; i < boot_info->nfiles; i++)
		if (strcmp(boot_info->files[i].name, name) == 0)
			return &boot_info->files[i];
	return NULL;
}

static void start_config(void)
{
	config_defaults(&config);
	if (boot_info->config)
		config_parse(&config, boot_info->config->name, boot_info->config->data, boot_info->config->size);
	for (unsigned i = 0; i < config.nerrors; i++)
		log_error("config", "%s", config.errors[i]);
	panic_set_action(config.on_panic);
	node.config = &config;
	if (config.node_name[0])
		fmt_buf(node.name, sizeof(node.name), "%s", config.node_name);
	else if (l2_nuplinks)
		fmt_buf(node.name, sizeof(node.name), "caisson-%02x%02x%02x", l2_uplinks[0]->mac[3], l2_uplinks[0]->mac[4], l2_uplinks[0]->mac[5]);
	else
		fmt_buf(node.name, sizeof(node.name), "caisson");
	if (!config.net.hostname[0])
		fmt_buf(config.net.hostname, sizeof(config.net.hostname), "%s", node.name);
}

static bool is_link_local(const char *address)
{
	return strncasecmp(address, "fe80:", 5) == 0;
}

/* Where clients find the API: the first address that reaches further than the cable, else the node's name. */
static void update_url(void)
{
	char address[46];
	unsigned i = 0;

	if (!api_up)
		return;
	while (net_address(i, address) && is_link_local(address))
		i++;
	if (!net_address(i, address))
		fmt_buf(node.api_url, sizeof(node.api_url), "https://%s:%u", node.name, config.api_port);
	else
		fmt_buf(node.api_url, sizeof(node.api_url), strchr(address, ':') ? "https://[%s]:%u" : "https://%s:%u", address, config.api_port);
}

static void addresses_changed(void *ctx)
{
	(void)ctx;
	update_url();
	names_dirty = true;
	wake_all(&names_changed);
	screen_touch();
}

/* What the server certificate is valid for: the node's name, loopback (a forwarded port), and its addresses. Link-local ones have no
 * place in a certificate. */
static unsigned collect_names(const char *list[MAX_NAMES])
{
	static const char *const fixed[] = {"localhost", "127.0.0.1", "::1"};
	char address[46];
	unsigned n = 0;

	fmt_buf(names[n++], sizeof(names[0]), "%s", node.name);
	for (unsigned i = 0; i < ARRAY_LEN(fixed); i++)
		fmt_buf(names[n++], sizeof(names[0]), "%s", fixed[i]);
	for (unsigned i = 0; n < MAX_NAMES && net_address(i, address); i++)
		if (!is_link_local(address))
			fmt_buf(names[n++], sizeof(names[0]), "%s", address);
	for (unsigned i = 0; i < n; i++)
		list[i] = names[i];
	return n;
}

static const char *file_text(const char *name, char *buf, size_t cap)
{
	const struct boot_file *f = find_file(name);

	if (!f || f->size >= cap)
		return NULL;
	memcpy(buf, f->data, f->size);
	buf[f->size] = '\0';
	return buf;
}

static err_t start_identity(void)
{
	static const struct tls_store store = {.get = efivar_get, .set = efivar_set};
	char cert[4096], key[4096];
	const char *list[MAX_NAMES];
	struct tls_preset preset = {.ca_cert_pem = file_text("ca.pem", cert, sizeof(cert)), .ca_key_pem = file_text("ca.key", key, sizeof(key))};
	bool has_preset = preset.ca_cert_pem && preset.ca_key_pem;
	unsigned n;
	err_t e;

	names_dirty = false;
	n = collect_names(list);
	e = tls_identity_open(&store, has_preset ? &preset : NULL, node.name, list, n, &node.identity, &node.identity_persistent);
	if (e == OK && !node.identity_persistent)
		log_warn("tls", "the firmware does not keep the node's keys: it will be another node after a restart");
	return e;
}

/* Keeps the certificate's names in step with the addresses, for as long as the node runs. */
static void names_task(void *arg)
{
	const char *list[MAX_NAMES];

	(void)arg;
	for (;;) {
		while (!names_dirty)
			wait_on(&names_changed);
		names_dirty = false;
		if (tls_identity_set_names(node.identity, list, collect_names(list)) != OK)
			log_warn("tls", "the server certificate could not be made anew for the new addresses");
	}
}

static bool is_own_file(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(own_files); i++)
		if (strcmp(name, own_files[i]) == 0)
			return true;
	return false;
}

static void start_images(void)
{
	struct page_stats pages;

	page_stats(&pages);
	image_init(config.images_limit_mib ? config.images_limit_mib * MIB : pages.total * PAGE_SIZE / 2);
	for (unsigned i = 0; i < boot_info->nfiles; i++) {
		const struct boot_file *f = &boot_info->files[i];

		if (!is_own_file(f->name) && image_add_file(f) != OK)
			log_warn("image", "file %s is not used: its name is no image name, or it is there twice", f->name);
	}
}

static void start_guests(void)
{
	struct problem p;
	struct vm_ctl *c;

	for (unsigned i = 0; i < config.nguests; i++)
		if (vm_ctl_create(&config.guests[i], &c, &p) != OK)
			log_error("vm", "guest %s of the config file: %s", config.guests[i].name, p.detail);
	vm_ctl_autostart();
}

static void start_api(void)
{
	char address[46];
	err_t e = start_identity();

	if (e == OK)
		e = http_serve(config.api_port, node.identity, &http_limits_default, &api_handler);
	if (e) {
		log_error("api", "the node cannot be managed over the network: %s", err_name(e));
		return;
	}
	api_up = true;
	if (!l2_nuplinks || net_address(0, address)) /* else an address comes soon, and the URL with it */
		update_url();
	screen_touch();
}

static void start_task(void *arg)
{
	struct task *t;

	(void)arg;
	wait_init(&names_changed);
	start_config();
	event_init();
	pairing_init();
	vm_ctl_init();
	hv_init();
	if (!hv_current)
		log_warn("hv", "guests cannot run: %s", hv_reason());
	if (net_start(l2_nuplinks ? l2_uplinks[0] : NULL, &config.net, addresses_changed, NULL) != OK)
		log_error("net", "the network did not start");
	screen_start();
	start_api();
	if (node.identity && task_create("names", names_task, NULL, START_STACK, &t) != OK)
		log_warn("tls", "certificate names will not follow the addresses");
	start_images();
	start_guests();
	log_info("boot", "start complete");
}

void appliance_manage(void)
{
	struct task *t;

	if (task_create("start", start_task, NULL, START_STACK, &t) != OK)
		panic("no memory for the start task");
}
