/* SPDX-License-Identifier: Apache-2.0 */
/* Registers by name. QEMU hands out a list of them for each CPU, in glib's terms (QEMU "TCG Plugins", qemu_plugin_get_registers). */
#include "plugin.h"
#include "target.h"
#include <string.h>

#define MAX_KNOWN 8

typedef struct { char *data; unsigned len; } GArray;
typedef struct { uint8_t *data; unsigned len; } GByteArray;
typedef struct { struct qemu_plugin_register *handle; const char *name, *feature; } reg_descriptor;
GArray *qemu_plugin_get_registers(void);
int qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *buf);
GByteArray *g_byte_array_new(void);
GByteArray *g_byte_array_set_size(GByteArray *array, unsigned length);

static GArray *all;
/* Those that were asked for; names are constants of this program. */
static struct { const char *name; struct qemu_plugin_register *handle; } known[MAX_KNOWN];
static unsigned nknown;

void regs_init(void)
{
	if (!all)
		all = qemu_plugin_get_registers();
}

static struct qemu_plugin_register *find(const char *name)
{
	struct qemu_plugin_register *found = NULL;

	for (unsigned i = 0; i < nknown; i++)
		if (known[i].name == name)
			return known[i].handle;
	for (unsigned i = 0; all && i < all->len; i++) {
		const reg_descriptor *r = (const reg_descriptor *)(void *)all->data + i;

		if (!strcmp(r->name, name))
			found = r->handle;
	}
	if (!found)
		fprintf(stderr, "bench plugin: the machine has no register %s\n", name);
	if (nknown < MAX_KNOWN) {
		known[nknown].name = name;
		known[nknown++].handle = found;
	}
	return found;
}

uint64_t reg_read(const char *name)
{
	static GByteArray *buf;
	struct qemu_plugin_register *handle = find(name);
	uint64_t v = 0;
	int len;

	if (!buf)
		buf = g_byte_array_new();
	g_byte_array_set_size(buf, 0);
	len = handle ? qemu_plugin_read_register(handle, buf) : 0;
	if (len == 4 || len == 8)
		memcpy(&v, buf->data, (size_t)len);
	return v;
}
