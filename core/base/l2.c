/* SPDX-License-Identifier: Apache-2.0 */
/* The list of physical network ports. Written on CPU 0 while drivers probe, read on CPU 0 afterwards.
 * Must not know what a port is made of. */
#include <core/l2port.h>
#include <core/log.h>

struct l2port *l2_uplinks[L2_MAX_UPLINKS];
unsigned l2_nuplinks;

void l2_register_uplink(struct l2port *p)
{
	if (l2_nuplinks == L2_MAX_UPLINKS) {
		log_warn("l2", "%s is not used: more than %d network ports", p->name, L2_MAX_UPLINKS);
		return;
	}
	l2_uplinks[l2_nuplinks++] = p;
}
