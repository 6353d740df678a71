/* SPDX-License-Identifier: Apache-2.0 */
/* musl over the system-call seam: heap, clock, random numbers, errno, and what is refused. CPU 0's task. */
#include "selftest.h"
#include <core/arith.h>
#include <core/clock.h>
#include <core/hal.h>
#include <core/libc.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define BLOCKS 300

/* Random sizes; every block keeps its bytes until it is freed. */
static bool heap_round(unsigned seed)
{
	static unsigned char *blocks[BLOCKS];
	static size_t sizes[BLOCKS];
	bool good = true;

	for (unsigned i = 0; i < 6000; i++) {
		unsigned k;

		seed = seed * 1103515245 + 12345;
		k = (seed >> 8) % BLOCKS;
		if (blocks[k])
			good &= blocks[k][0] == (unsigned char)k && blocks[k][sizes[k] - 1] == (unsigned char)k;
		free(blocks[k]);
		sizes[k] = 1 + (seed >> 3) % (i % 97 ? 5000 : 700000);
		blocks[k] = malloc(sizes[k]);
		if (!blocks[k])
			return false;
		blocks[k][0] = blocks[k][sizes[k] - 1] = (unsigned char)k;
	}
	for (unsigned i = 0; i < BLOCKS; i++) {
		free(blocks[i]);
		blocks[i] = NULL;
	}
	return good;
}

static void check_heap(void)
{
	bool good = heap_round(1);
	uint64_t kept = libc_pool.used_pages;
	char *p;

	for (unsigned i = 2; i < 6; i++)
		good &= heap_round(i);
	check(good, "the heap keeps what is written to it");
	check(libc_pool.used_pages <= kept + 8, "and gives memory back");
	p = malloc(300000);
	if (p)
		memset(p, 7, 300000);
	p = p ? realloc(p, 900000) : NULL;
	check(p && p[0] == 7 && p[299999] == 7, "realloc keeps the contents");
	free(p);
	errno = 0;
	p = malloc(1ull << 40);
	check(!p && errno == ENOMEM, "a request beyond the quota fails with ENOMEM");
}

void checks_libc(void)
{
	unsigned char a[32] = {0}, b[32] = {0};
	struct timespec ts = {0};
	char text[40];

	check_heap();
	check(getrandom(a, sizeof(a), 0) == 32 && getrandom(b, sizeof(b), 0) == 32 && memcmp(a, b, 32), "getrandom");
	check(clock_gettime(CLOCK_REALTIME, &ts) == 0 && ts.tv_sec > 1700000000, "UTC from the firmware's clock");
	snprintf(text, sizeof(text), "%.3f %s", 1.5, "x");
	check(!strcmp(text, "1.500 x"), "printf with floating point");
	errno = 0;
	check(!fopen("/nowhere", "r") && errno == ENOSYS, "there are no files, and it says so");
	check(!strcmp(getenv("TZ") ? getenv("TZ") : "", "UTC"), "the environment");
	printf("standard output reaches the log\n");
	fflush(stdout);
}
