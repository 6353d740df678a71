/* SPDX-License-Identifier: Apache-2.0 */
/* The virtualisation backends of this architecture, in the order in which hv_init tries them. */
#include <vmm/hv.h>

const struct hv_ops *const hv_backends[] = { &hv_el2, NULL };
