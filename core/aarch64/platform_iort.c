/* SPDX-License-Identifier: Apache-2.0 */
/* How the requester ids of PCI root complexes become device ids of an interrupt translation service: ACPI's IO Remapping Table (DEN0049E).
 * A root complex leads to a service at once, or through one SMMU, which is bypassed but still renumbers. Boot CPU; every offset is checked. */
#include "platform.h"
#include <core/acpi.h>
#include <core/arith.h>

enum { IORT_COUNT = 36, IORT_FIRST = 40, IORT_BYTES = 48 };
enum { NODE_ITS = 0, NODE_ROOT = 2, NODE_SMMU = 3, NODE_SMMU3 = 4 };
enum { NODE_LENGTH = 1, NODE_MAPS = 8, NODE_MAP_OFFSET = 12, NODE_BYTES = 16, ITS_COUNT = 16, ITS_FIRST = 20, ITS_BYTES = 24, ROOT_SEGMENT = 28,
       ROOT_BYTES = 32 };
enum { MAP_INPUT = 0, MAP_COUNT = 4, MAP_OUTPUT = 8, MAP_REFERENCE = 12, MAP_FLAGS = 16, MAP_BYTES = 20 };
#define MAP_SINGLE 1u
#define MAX_NODES 256u

struct iort { const uint8_t *p; uint32_t len; };
struct node { const uint8_t *p; uint32_t len; };
/* Ids [first, first+count) leave as output on, towards the node at offset to. */
struct map { uint32_t first, count, output, to; };

static bool node_at(const struct iort *t, uint32_t off, struct node *out)
{
	if (off < IORT_BYTES || !range_within(off, NODE_BYTES, t->len))
		return false;
	out->p = t->p + off;
	out->len = get_le16(out->p + NODE_LENGTH);
	return out->len >= NODE_BYTES && range_within(off, out->len, t->len);
}

static bool node_map(const struct node *n, uint32_t i, struct map *out)
{
	uint64_t off = get_le32(n->p + NODE_MAP_OFFSET) + (uint64_t)i * MAP_BYTES;
	const uint8_t *m;

	if (i >= get_le32(n->p + NODE_MAPS) || !range_within(off, MAP_BYTES, n->len))
		return false;
	m = n->p + off;
	*out = (struct map){get_le32(m + MAP_INPUT), get_le32(m + MAP_COUNT), get_le32(m + MAP_OUTPUT), get_le32(m + MAP_REFERENCE)};
	/* The table's count is one less; a single mapping has no input and is for the node's own messages. */
	if ((get_le32(m + MAP_FLAGS) & MAP_SINGLE) || out->count == UINT32_MAX)
		out->count = 0;
	else
		out->count++;
	return true;
}

/* The first service of a group; others may serve too, and are not needed. */
static bool its_id(const struct node *n, uint32_t *id)
{
	if (n->p[0] != NODE_ITS || n->len < ITS_BYTES || get_le32(n->p + ITS_COUNT) == 0)
		return false;
	*id = get_le32(n->p + ITS_FIRST);
	return true;
}

static void add(struct platform *p, uint16_t segment, uint32_t first, uint32_t count, uint32_t device, uint32_t its)
{
	if (count && p->nid_maps < PLATFORM_MAX_ID_MAPS)
		p->id_maps[p->nid_maps++] = (struct platform_id_map){segment, first, count, device, its};
}

/* What of m's output an SMMU passes on. */
static void through_smmu(struct platform *p, const struct iort *t, const struct node *smmu, uint16_t segment, const struct map *m)
{
	struct map s;

	for (uint32_t i = 0; node_map(smmu, i, &s); i++) {
		uint64_t from = s.first > m->output ? s.first : m->output;
		uint64_t end = (uint64_t)s.first + s.count < (uint64_t)m->output + m->count ? (uint64_t)s.first + s.count : (uint64_t)m->output + m->count;
		struct node to;
		uint32_t id;

		if (from < end && node_at(t, s.to, &to) && its_id(&to, &id))
			add(p, segment, m->first + (uint32_t)(from - m->output), (uint32_t)(end - from), s.output + (uint32_t)(from - s.first), id);
	}
}

static void root_complex(struct platform *p, const struct iort *t, const struct node *n)
{
	struct map m;

	if (n->len < ROOT_BYTES || get_le32(n->p + ROOT_SEGMENT) > UINT16_MAX)
		return;
	for (uint32_t i = 0; node_map(n, i, &m); i++) {
		uint16_t segment = (uint16_t)get_le32(n->p + ROOT_SEGMENT);
		struct node to;
		uint32_t id;

		if (!node_at(t, m.to, &to))
			continue;
		if (its_id(&to, &id))
			add(p, segment, m.first, m.count, m.output, id);
		else if (to.p[0] == NODE_SMMU || to.p[0] == NODE_SMMU3)
			through_smmu(p, t, &to, segment, &m);
	}
}

void platform_read_iort(struct platform *p)
{
	const struct acpi_header *h;
	struct iort t;
	uint32_t off;

	if (acpi_find("IORT", 0, &h) != OK || h->length < IORT_BYTES)
		return;
	t = (struct iort){(const uint8_t *)h, h->length};
	off = get_le32(t.p + IORT_FIRST);
	for (uint32_t i = 0; i < get_le32(t.p + IORT_COUNT) && i < MAX_NODES; i++) {
		struct node n;

		if (!node_at(&t, off, &n))
			return;
		if (n.p[0] == NODE_ROOT)
			root_complex(p, &t, &n);
		off += n.len;
	}
}
