/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory, places that were found once: a page that is there stays where it is until gmem_clear, so that until then an access needs no
 * look-up. Any CPU; must not call out between hal_guest_access_begin and _end. */
#include "gmem_internal.h"
#include <core/hal.h>

err_t gmem_spot(struct gmem *m, struct gpa a, unsigned len, struct gmem_spot *out)
{
	struct hpa h;
	uint64_t run;
	err_t err;

	if (!gmem_is_ram(m, a, len))
		return E_GUEST;
	err = gmem_resolve(m, a.v, &h, &run);
	if (err != OK)
		return err;
	if (run < len)
		return E_GUEST;
	*out = (struct gmem_spot){ .host = h.v, .epoch = m->epoch };
	return OK;
}

err_t gmem_see64(struct gmem *m, struct gpa a, uint64_t value, struct gmem_seen *out)
{
	struct gmem_spot s;
	err_t err = is_aligned(a.v, sizeof(value)) ? gmem_spot(m, a, sizeof(value), &s) : E_GUEST;

	if (err == OK)
		*out = (struct gmem_seen){ .host = s.host, .value = value };
	return err;
}

static bool holds(const struct gmem *m, const struct gmem_spot *s)
{
	return s->epoch == m->epoch;
}

bool gmem_spot_load16(const struct gmem *m, const struct gmem_spot *s, uint16_t *out)
{
	if (!holds(m, s))
		return false;
	hal_guest_access_begin();
	*out = __atomic_load_n((const uint16_t *)hal_direct(HPA(s->host)), __ATOMIC_ACQUIRE);
	hal_guest_access_end();
	return true;
}

bool gmem_spot_read64(const struct gmem *m, const struct gmem_spot *s, unsigned off, uint64_t *out)
{
	if (!holds(m, s))
		return false;
	hal_guest_access_begin();
	*out = *(const volatile gmem_unaligned_u64 *)hal_direct(HPA(s->host + off));
	hal_guest_access_end();
	return true;
}

static inline uint64_t changes(const struct gmem_seen *seen, unsigned n)
{
	uint64_t changed = 0;

	for (unsigned i = 0; i < n; i++)
		changed |= *(const volatile uint64_t *)hal_direct(HPA(seen[i].host)) ^ seen[i].value;
	return changed;
}

bool gmem_seen_hold(const struct gmem *m, const struct gmem_spot *s, const struct gmem_seen *seen, unsigned n)
{
	uint64_t changed;

	if (!holds(m, s))
		return false;
	hal_guest_access_begin();
	changed = changes(seen, n);
	hal_guest_access_end();
	return !changed;
}

bool gmem_seen_read128(const struct gmem *m, const struct gmem_spot *s, const struct gmem_seen *seen, unsigned n, unsigned off, uint64_t out[2])
{
	const volatile gmem_unaligned_u64 *p = hal_direct(HPA(s->host + off));
	uint64_t changed;

	out[0] = out[1] = 0;
	if (!holds(m, s))
		return false;
	hal_guest_access_begin();
	changed = changes(seen, n);
	out[0] = p[0];
	out[1] = p[1];
	hal_guest_access_end();
	return !changed;
}
