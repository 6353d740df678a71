/* SPDX-License-Identifier: Apache-2.0 */
/* Address types. Guest-physical and host-physical addresses are distinct struct
 * types so that neither converts to the other or to a pointer by accident. */
#ifndef CORE_ADDR_H
#define CORE_ADDR_H
#include <stdint.h>

struct hpa { uint64_t v; }; /* host-physical, bytes */
struct gpa { uint64_t v; }; /* guest-physical, bytes */

#define HPA(x) ((struct hpa){(x)})
#define GPA(x) ((struct gpa){(x)})

#endif
