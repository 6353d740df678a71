/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI variables in memory, for tests of what is kept across reboots. */
#include "fake.h"
#include <core/efivar.h>
#include <string.h>

#define MAX_VARS 32
#define VAR_MAX 8192

struct var { char name[64]; size_t len; uint8_t data[VAR_MAX]; };
static struct var vars[MAX_VARS];

static struct var *var_find(const char *name)
{
	for (unsigned i = 0; i < MAX_VARS; i++)
		if (vars[i].len && strcmp(vars[i].name, name) == 0)
			return &vars[i];
	return NULL;
}

err_t efivar_get(const char *name, void *dst, size_t *len)
{
	struct var *v = var_find(name);

	if (!v)
		return E_NOENT;
	if (*len < v->len)
		return E_RANGE;
	memcpy(dst, v->data, v->len);
	*len = v->len;
	return OK;
}

err_t efivar_set(const char *name, const void *src, size_t len)
{
	struct var *v = var_find(name);

	if (len > VAR_MAX || strlen(name) >= sizeof vars[0].name)
		return E_IO;
	for (unsigned i = 0; !v && len && i < MAX_VARS; i++)
		if (!vars[i].len)
			v = &vars[i];
	if (!v)
		return len ? E_IO : E_NOENT;
	strcpy(v->name, name);
	if (len)
		memcpy(v->data, src, len);
	v->len = len;
	return OK;
}
