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
#include <sandbox/identity.h>
#include <sandbox/image.h>
#include <sandbox/names.h>
#include <sandbox/node.h>
#include <sandbox/pairing.h>
#include <sandbox/screen.h>
#include <string.h>
#include <strings.h>
#include <vmm/hv.h>
#include "appliance.h"

enum { START_STACK = 64 * 1024 };

static struct config config;
static bool api_up;

static void start_config(void)
{
	config_defaults(&config);
	if (boot_info->config)
		config_parse(&config, boot_info->config->name, boot_info->config->data, boot_info->config->size);
	config_log(&config, 0);
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

static void network_changed(void *ctx)
{
	(void)ctx;
	update_url();
	names_changed();
	screen_touch();
}

static void start_images(void)
{
	struct page_stats pages;

	page_stats(&pages);
	image_init(config.images_limit_mib ? config.images_limit_mib * MIB : pages.total * PAGE_SIZE / 2);
	for (unsigned i = 0; i < boot_info->nfiles; i++) {
		const struct boot_file *f = &boot_info->files[i];
		err_t e = identity_is_own_file(f->name) ? OK : image_add_file(f);

		if (e != OK)
			log_warn("image", "file %s is not used: %s", f->name,
				 e == E_NOMEM ? "no memory" : "its name is no image name, or it is there twice");
	}
}

static void start_guests(void)
{
	unsigned before = config.nerrors;
	struct problem p;
	struct vm_ctl *c;

	vm_ctl_set_overcommit(config.overcommit_percent);
	for (unsigned i = 0; i < config.nguests; i++)
		if (vm_ctl_create(&config.guests[i], &c, &p) != OK)
			config_report_guest(&config, i, p.detail);
	config_log(&config, before);
	screen_touch();
	vm_ctl_autostart();
}

static void start_api(void)
{
	static const struct tls_store store = {.get = efivar_get, .set = efivar_set};
	char address[46];
	err_t e = identity_start(&store, &config);

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
	(void)arg;
	start_config();
	event_init();
	pairing_init();
	vm_ctl_init();
	hv_init();
	if (net_start(l2_nuplinks ? l2_uplinks[0] : NULL, &config.net, network_changed, NULL) != OK)
		log_error("net", "the network did not start");
	screen_start();
	start_api();
	if (node.identity && names_start() != OK)
		log_warn("tls", "the server certificate will not follow the addresses and the time");
	start_images();
	start_guests();
	log_info("boot", "start complete");
	page_zero_ahead(); /* nobody waits for the start any more */
}

void appliance_manage(void)
{
	struct task *t;

	if (task_create("start", start_task, NULL, START_STACK, &t) != OK)
		panic("no memory for the start task");
}
