/* SPDX-License-Identifier: Apache-2.0 */
/* Where documents get their memory: the heap. A file of its own, so that a test can put a heap that fails in its place. CPU 0. */
#include <stdlib.h>
#include "call.h"

void *api_heap_alloc(size_t n) { return malloc(n); }
void *api_heap_realloc(void *p, size_t n) { return realloc(p, n); }
