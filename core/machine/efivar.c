/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI variables under Caisson's own vendor GUID (UEFI 2.10 8.2). CPU 0 only, in a task or at boot: a call
 * may take tens of milliseconds on real flash. What the firmware answers is checked, not trusted. */
#include "efirt.h"
#include <core/arith.h>
#include <core/efivar.h>
#include <core/hal.h>

#define NAME_MAX_CHARS 63
#define ATTR_NV_BS_RT 7u

static const struct efi_guid caisson_guid = {
	0x6f3c1b52, 0x9a0e, 0x4d47, {0x8b, 0x35, 0xc4, 0x1e, 0x77, 0xd2, 0x90, 0x6a},
};

static err_t efivar_name(uint16_t dst[NAME_MAX_CHARS + 1], const char *name)
{
	unsigned n = 0;

	for (; name[n]; n++) {
		if (n == NAME_MAX_CHARS || name[n] < 0x21 || name[n] > 0x7e)
			return E_INVAL;
		dst[n] = (uint16_t)name[n];
	}
	dst[n] = 0;
	return n ? OK : E_INVAL;
}

static err_t efivar_error(uint64_t status)
{
	switch (status) {
	case 0: return OK;
	case EFI_NOT_FOUND_: return E_NOENT;
	case EFI_BUFFER_TOO_SMALL_: return E_RANGE;
	case EFI_OUT_OF_RESOURCES_: return E_NOMEM;
	case EFI_UNSUPPORTED_: return E_UNSUPPORTED;
	case EFI_INVALID_PARAMETER_: return E_INVAL;
	default: return E_IO;
	}
}

err_t efivar_get(const char *name, void *dst, size_t *len)
{
	const struct efi_runtime *rt;
	struct efirt_state s;
	uint16_t wide[NAME_MAX_CHARS + 1];
	uint64_t size = *len, status;
	err_t e = efivar_name(wide, name);

	if (e != OK)
		return e;
	if (hal_cpu_id() != 0)
		return E_STATE;
	rt = efirt_enter(&s);
	if (!rt)
		return E_UNSUPPORTED;
	status = rt->get_variable(wide, &caisson_guid, NULL, &size, dst);
	efirt_leave(&s);
	e = efivar_error(status);
	if (e == OK && size > *len)
		return E_IO;
	if (e == OK)
		*len = size;
	return e;
}

err_t efivar_set(const char *name, const void *src, size_t len)
{
	const struct efi_runtime *rt;
	struct efirt_state s;
	uint16_t wide[NAME_MAX_CHARS + 1];
	uint64_t status;
	err_t e = efivar_name(wide, name);

	if (e != OK)
		return e;
	if (hal_cpu_id() != 0)
		return E_STATE;
	rt = efirt_enter(&s);
	if (!rt)
		return E_UNSUPPORTED;
	status = rt->set_variable(wide, &caisson_guid, ATTR_NV_BS_RT, len, src);
	efirt_leave(&s);
	return efivar_error(status);
}
