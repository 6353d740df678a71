/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: ranges at every edge, demand paging, copies over page and slot borders, ring words, pins, quotas. */
#include <core/arith.h>
#include <core/page.h>
#include <fake/fake.h>
#include <unit/image_bytes.h>
#include <unit/tap.h>
#include <vmm/gmem.h>
#include <vmm/stage2.h>

static struct pool pool;
static uint8_t buf[3 * 4096], back[3 * 4096];

static struct gmem *make(unsigned order)
{
	struct gmem *m = NULL;

	ok_eq(gmem_create(&pool, &stage2_npt, order, &m), OK, "create");
	return m;
}

static bool none_left(void)
{
	return pool.used_pages == 0 && !fake_guest_access_open();
}

static void test_slots(void)
{
	struct gmem *m = make(0), *no = NULL;

	ok_eq(gmem_create(&pool, &stage2_npt, 4, &no), E_INVAL, "a page order that does not exist");
	ok_eq(gmem_add_ram(m, GPA(0x1001), 0x1000), E_INVAL, "unaligned base");
	ok_eq(gmem_add_ram(m, GPA(0x1000), 0x1001), E_INVAL, "unaligned size");
	ok_eq(gmem_add_ram(m, GPA(0x1000), 0), E_INVAL, "empty");
	ok_eq(gmem_add_ram(m, GPA(UINT64_MAX - 0xfff), 0x2000), E_INVAL, "wraps");
	ok_eq(gmem_add_ram(m, GPA((1ull << 48) - 0x1000), 0x2000), E_INVAL, "beyond the space");
	ok_eq(gmem_add_ram(m, GPA(0x10000), 0x4000), OK, "a slot");
	ok_eq(gmem_add_ram(m, GPA(0x13000), 0x1000), E_INVAL, "overlaps its end");
	ok_eq(gmem_add_ram(m, GPA(0xf000), 0x2000), E_INVAL, "overlaps its start");
	ok_eq(gmem_add_ram(m, GPA(0), 0x40000), E_INVAL, "surrounds it");
	ok_eq(gmem_add_ram(m, GPA(0x14000), 0x1000), OK, "adjoins it");
	ok_eq(gmem_add_ram(m, GPA(0x20000), 0x1000), OK, "a third");
	ok_eq(gmem_add_ram(m, GPA((1ull << 48) - 0x1000), 0x1000), OK, "the last page of the space");
	ok_eq(gmem_add_ram(m, GPA(0x30000), 0x1000), E_LIMIT, "a fifth is too many");
	ok_eq(gmem_size(m), 0x7000, "size is the sum");
	ok_eq(gmem_resident_pages(m), 0, "nothing is resident");
	gmem_destroy(m);
	gmem_destroy(NULL);
	ok(none_left(), "nothing is left");
}

static void test_ranges(void)
{
	static const struct { uint64_t a, len; bool ram; const char *name; } rows[] = {
		{ 0x10000, 1, true, "first byte" },
		{ 0xffff, 1, false, "the byte before" },
		{ 0xffff, 2, false, "across the start" },
		{ 0x13fff, 1, true, "last byte of the first slot" },
		{ 0x13fff, 2, true, "across two slots that adjoin" },
		{ 0x10000, 0x5000, true, "both slots" },
		{ 0x10000, 0x5001, false, "and one byte more" },
		{ 0x14fff, 1, true, "the end" },
		{ 0x15000, 1, false, "behind the end" },
		{ 0x14fff, 0xb002, false, "over a hole" },
		{ 0x10000, UINT64_MAX, false, "as long as can be" },
		{ 0x10000, 0 - 0x10000ull, false, "up to where it wraps" },
		{ UINT64_MAX, 2, false, "wraps" },
		{ UINT64_MAX, UINT64_MAX, false, "wraps far" },
		{ 0, 0, true, "nothing" },
		{ UINT64_MAX, 0, true, "nothing at the end" },
		{ (1ull << 48) - 1, 1, true, "last byte of the space" },
		{ (1ull << 48) - 1, 2, false, "and one more" },
	};
	struct gmem *m = make(0);

	CHECK(gmem_add_ram(m, GPA(0x10000), 0x4000) == OK && gmem_add_ram(m, GPA(0x14000), 0x1000) == OK &&
	      gmem_add_ram(m, GPA(0x20000), 0x1000) == OK && gmem_add_ram(m, GPA((1ull << 48) - 0x1000), 0x1000) == OK);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		ok(gmem_is_ram(m, GPA(rows[i].a), rows[i].len) == rows[i].ram, "range: %s", rows[i].name);
		if (!rows[i].ram)
			ok(gmem_read(m, GPA(rows[i].a), buf, rows[i].len) == E_GUEST && gmem_write(m, GPA(rows[i].a), buf, rows[i].len) == E_GUEST &&
			   gmem_zero(m, GPA(rows[i].a), rows[i].len) == E_GUEST, "copies refused: %s", rows[i].name);
	}
	ok_eq(gmem_resident_pages(m), 0, "a refused copy touches nothing");
	gmem_destroy(m);
	ok(none_left(), "nothing is left");
}

static void test_copies(void)
{
	struct gmem *m = make(0);

	CHECK(gmem_add_ram(m, GPA(0x10000), 0x2000) == OK && gmem_add_ram(m, GPA(0x12000), 0x2000) == OK);
	memset(buf, 0xee, sizeof buf);
	ok_eq(gmem_read(m, GPA(0x10800), buf, 0x2000), OK, "read what was never written");
	memset(back, 0, sizeof back);
	ok_mem(buf, back, 0x2000, "is zero");
	ok_eq(gmem_resident_pages(m), 3, "three pages came");
	for (unsigned i = 0; i < sizeof buf; i++)
		buf[i] = (uint8_t)(i * 7);
	ok_eq(gmem_write(m, GPA(0x10fff), buf, 0x2002), OK, "write over three borders");
	ok_eq(gmem_read(m, GPA(0x10fff), back, 0x2002), OK, "read it back");
	ok_mem(back, buf, 0x2002, "the same");
	ok_eq(gmem_zero(m, GPA(0x11001), 0xffe), OK, "zero within a page");
	CHECK(gmem_read(m, GPA(0x11000), back, 0x1000) == OK);
	ok(back[0] == buf[1] && back[1] == 0 && back[0xffe] == 0 && back[0xfff] == buf[0x1000], "exactly that");
	ok_eq(gmem_write(m, GPA(0x13fff), buf, 2), E_GUEST, "one byte too many");
	CHECK(gmem_read(m, GPA(0x13fff), back, 1) == OK);
	ok_eq(back[0], 0, "and nothing was copied");
	gmem_clear(m);
	ok_eq(gmem_resident_pages(m), 0, "clear drops all");
	CHECK(gmem_read(m, GPA(0x10fff), back, 0x2002) == OK);
	memset(buf, 0, sizeof buf);
	ok_mem(back, buf, 0x2002, "and it reads as zero again");
	gmem_destroy(m);
	ok(none_left(), "nothing is left");
}

#define LARGE (2 * MIB)
#define BACKED (8 * LARGE)
static uint8_t image[3 * LARGE], model[BACKED], seen[BACKED];
static struct bytes image_bytes = { image, sizeof(image) };

static bool same_from(struct gmem *m, uint64_t a, uint64_t len)
{
	return gmem_read(m, GPA(a), seen, len) == OK && !memcmp(seen, model + a, len);
}

static void back_with(struct gmem *m, uint64_t a, uint64_t len, uint64_t off)
{
	const struct gmem_source src = { bytes_peek, &image_bytes };

	ok(gmem_back(m, GPA(a), len, &src, off) == OK, "0x%llx bytes at 0x%llx", (unsigned long long)len, (unsigned long long)a);
	memcpy(model + a, image + off, len);
}

/* First contents that cover pages in whole and in part, overlap, meet what was written before and are written over, with large and small pages. */
static void test_backings(unsigned order)
{
	const struct gmem_source src = { bytes_peek, &image_bytes };
	struct gmem *m = make(order);
	const uint64_t page = PAGE_SIZE << order;
	uint8_t word[8] = "written";

	memset(model, 0, sizeof(model));
	for (unsigned i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(i * 31 + i / 4096 + 1);
	CHECK(gmem_add_ram(m, GPA(0), BACKED) == OK);
	CHECK(gmem_write(m, GPA(LARGE + 5), word, 8) == OK && gmem_write(m, GPA(2 * LARGE - 4), word, 8) == OK);
	memcpy(model + LARGE + 5, word, 8);
	memcpy(model + 2 * LARGE - 4, word, 8);
	ok_eq(gmem_resident_pages(m), order ? 1024 : 3, "some pages are there");
	back_with(m, LARGE + 8, 2 * LARGE, 123);
	back_with(m, 5 * LARGE - 1000, 2 * LARGE, 0);
	back_with(m, 6 * LARGE + 17, 1, 9);
	back_with(m, 4 * LARGE, 0, 9);
	ok_eq(gmem_resident_pages(m), order ? 1024 : 3, "and no others came");
	ok_eq(gmem_back(m, GPA(BACKED - 1), 2, &src, 0), E_GUEST, "a byte beyond memory");
	ok(same_from(m, 6 * LARGE + 10, 20), "a touch in the middle");
	ok_eq(gmem_resident_pages(m), (order ? 1024 : 3) + page / PAGE_SIZE, "brings a page");
	CHECK(gmem_write(m, GPA(5 * LARGE - 4), word, 8) == OK);
	memcpy(model + 5 * LARGE - 4, word, 8);
	ok(same_from(m, 5 * LARGE - 2000, 4000), "written over before it was read");
	ok_eq(gmem_fault(m, GPA(3 * LARGE + 1), GMEM_X), OK, "touched by the guest");
	ok(same_from(m, 0, BACKED), "all of it");
	gmem_clear(m);
	memset(model, 0, sizeof(model));
	ok(same_from(m, 0, BACKED), "nothing comes back after a clear");
	gmem_clear(m);
	for (unsigned i = 0; gmem_back(m, GPA(i * 4096 + i), 5000, &src, i) == OK; i++)
		memcpy(model + i * 4096 + i, image + i, 5000);
	ok_eq(gmem_back(m, GPA(0), 1, &src, 0), E_LIMIT, "no more than it has room for");
	ok(same_from(m, 0, BACKED), "of which the later ones hold");
	gmem_destroy(m);
	ok(none_left(), "nothing is left");
}

static void test_words(void)
{
	struct gmem *m = make(0);
	uint16_t h = 0x7777;
	uint32_t w = 0x77777777;

	CHECK(gmem_add_ram(m, GPA(0), 0x2000) == OK);
	ok(gmem_store16(m, GPA(0x1ffe), 0xabcd) == OK && gmem_load16(m, GPA(0x1ffe), &h) == OK && h == 0xabcd, "16 bits at the end");
	ok(gmem_store32(m, GPA(0xffc), 0x12345678) == OK && gmem_load32(m, GPA(0xffc), &w) == OK && w == 0x12345678, "32 bits at a border");
	ok(gmem_load16(m, GPA(0xffd), &h) == E_GUEST && gmem_store16(m, GPA(1), 1) == E_GUEST, "unaligned 16 bits");
	ok(gmem_load32(m, GPA(0xffe), &w) == E_GUEST && gmem_store32(m, GPA(0xffe), 1) == E_GUEST, "unaligned 32 bits");
	ok(gmem_load16(m, GPA(0x2000), &h) == E_GUEST && gmem_load32(m, GPA(UINT64_MAX - 3), &w) == E_GUEST, "outside");
	ok(h == 0xabcd && w == 0x12345678, "results are untouched on error");
	gmem_destroy(m);
	ok(none_left(), "nothing is left");
}

static void test_faults(void)
{
	struct gmem *m = make(9);

	CHECK(gmem_add_ram(m, GPA(0x1ff000), 0x402000) == OK); /* a page, two large ones, a page */
	ok_eq(gmem_fault(m, GPA(0x1fefff), GMEM_R), E_GUEST, "below RAM");
	ok_eq(gmem_fault(m, GPA(0x601000), GMEM_W), E_GUEST, "above RAM");
	ok_eq(gmem_fault(m, GPA(UINT64_MAX), GMEM_X), E_GUEST, "far above");
	ok_eq(gmem_fault(m, GPA(0x1ff123), GMEM_R), OK, "a page before the first large one");
	ok_eq(gmem_resident_pages(m), 1, "is small");
	ok_eq(gmem_fault(m, GPA(0x2abcde), GMEM_W), OK, "inside of the first large one");
	ok_eq(gmem_resident_pages(m), 513, "is large");
	ok_eq(gmem_fault(m, GPA(0x3fffff), GMEM_X), OK, "its other end");
	ok_eq(gmem_resident_pages(m), 513, "is there already");
	ok_eq(gmem_fault(m, GPA(0x600000), GMEM_R), OK, "the last page");
	ok_eq(gmem_resident_pages(m), 514, "is small");
	gmem_destroy(m);
	ok(none_left(), "nothing is left");
}

/* The machine has no whole superblock left for it, or the quota no room: small pages do, and then E_NOMEM. */
static void test_scarce(void)
{
	struct pool small;
	struct gmem *m = NULL;
	uint8_t one = 1;

	pool_init(&small, "small", &pool_root, 100);
	CHECK(gmem_create(&small, &stage2_npt, 18, &m) == OK && gmem_add_ram(m, GPA(0), 2 * GIB) == OK);
	ok_eq(gmem_write(m, GPA(5), &one, 1), OK, "no quota for a large page: a small one");
	ok_eq(gmem_resident_pages(m), 1, "came");
	ok_eq(gmem_zero(m, GPA(0), 1 * MIB), E_NOMEM, "the quota ends");
	ok(small.used_pages <= 100, "within the quota");
	gmem_destroy(m);
	ok_eq(small.used_pages, 0, "all is back");
	pool_fini(&small);
}

/* A gigabyte in one page, where alignment and slot allow; around it smaller ones. */
static void test_giant(void)
{
	struct gmem *m = make(18);
	uint64_t v = 0x1122334455667788, got = 0;
	struct gmem_run run;
	unsigned n = 0;

	CHECK(gmem_add_ram(m, GPA(GIB - 2 * MIB), GIB + 2 * MIB) == OK);
	ok_eq(gmem_fault(m, GPA(GIB - 1), GMEM_W), OK, "below its alignment");
	ok_eq(gmem_resident_pages(m), 512, "a page of 2 MiB");
	ok_eq(gmem_fault(m, GPA(GIB + 12345678), GMEM_R), OK, "inside");
	ok_eq(gmem_resident_pages(m), 512 + 262144, "a page of 1 GiB");
	ok(gmem_write(m, GPA(2 * GIB - 8), &v, 8) == OK && gmem_read(m, GPA(2 * GIB - 8), &got, 8) == OK && got == v, "its last bytes");
	v = 0x1122334455667788;
	ok(gmem_write(m, GPA(GIB + 0x1ffffc), &v, 8) == OK && gmem_read(m, GPA(GIB + 0x1ffffc), &got, 8) == OK && got == v, "over the end of 2 MiB in it");
	ok(gmem_pin(m, GPA(GIB), GIB, &run, 1, &n) == OK && n == 1 && run.len == GIB && run.addr.v % GIB == 0, "is one aligned run");
	gmem_unpin(m, GPA(GIB), GIB);
	gmem_clear(m);
	ok_eq(gmem_resident_pages(m), 0, "and goes as one");
	ok(gmem_read(m, GPA(2 * GIB - 8), &got, 8) == OK && got == 0, "what it held is not found any more");
	gmem_clear(m);
	gmem_destroy(m);
	ok(none_left(), "nothing is left");
}

static void test_pins(void)
{
	struct gmem *m = make(9);
	struct gmem_run runs[4];
	uint64_t sum = 0;
	unsigned n = 77;

	CHECK(gmem_add_ram(m, GPA(0x1fe000), 0x202000) == OK);
	ok_eq(gmem_pin(m, GPA(0x1fe000), 0x300000, runs, 4, &n), E_GUEST, "beyond RAM");
	ok_eq(gmem_pin(m, GPA(0x1fe000), 0, runs, 4, &n), OK, "nothing");
	ok_eq(n, 0, "no runs");
	ok_eq(gmem_pin(m, GPA(0x1fe800), 0x2000, runs, 4, &n), OK, "into a large page");
	for (unsigned i = 0; i < n; i++)
		sum += runs[i].len;
	ok(n >= 2 && n <= 3 && sum == 0x2000, "runs add up");
	ok((runs[0].addr.v & 0xfff) == 0x800 && (runs[n - 1].addr.v & 0xfff) == 0 && runs[n - 1].len == 0x800, "and are where they should be");
	ok(FAKE_PANICS(gmem_clear(m)), "clearing pinned memory is our own bug");
	gmem_unpin(m, GPA(0x1fe800), 0x2000);
	n = 77;
	ok_eq(gmem_pin(m, GPA(0x1fe800), 0x2000, runs, 1, &n), E_RANGE, "too many runs");
	ok_eq(n, 77, "n is untouched");
	ok_eq(gmem_pin(m, GPA(0x200000), 0x200000, runs, 1, &n), OK, "a large page is one run");
	ok(n == 1 && runs[0].len == 0x200000, "of its whole length");
	gmem_unpin(m, GPA(0x200000), 0x200000);
	gmem_destroy(m);
	ok(none_left(), "nothing is left");
}

static void test_spots(void)
{
	struct gmem *m = make(9);
	struct gmem_spot page, none = { 0 };
	struct gmem_seen seen[2];
	uint64_t v = 0x1122334455667788, words[2];
	uint16_t half = 0;

	CHECK(gmem_add_ram(m, GPA(0x1ff000), 0x201000) == OK); /* a small page, then a large one */
	ok(!gmem_spot_load16(m, &none, &half) && !gmem_spot_read64(m, &none, 0, words) && !gmem_seen_read128(m, &none, seen, 0, 0, words) &&
	   !gmem_seen_hold(m, &none, seen, 0), "a zeroed spot holds nothing");
	ok(gmem_spot(m, GPA(0x1fe000), 4096, &page) == E_GUEST && gmem_spot(m, GPA(0x3fffff), 2, &page) == E_GUEST, "no RAM");
	ok_eq(gmem_spot(m, GPA(0x1ffff0), 32, &page), E_GUEST, "not in one page");
	ok_eq(gmem_spot(m, GPA(0x1ff000), 4096, &page), OK, "a page that nobody touched yet");
	ok(gmem_write(m, GPA(0x1ffff8), &v, 8) == OK && gmem_spot_read64(m, &page, 4088, words) && words[0] == v, "its last bytes");
	ok(gmem_seen_read128(m, &page, seen, 0, 4080, words) && words[0] == 0 && words[1] == v, "sixteen of them");
	ok(gmem_see64(m, GPA(0x1ffff8), v, &seen[0]) == OK && gmem_see64(m, GPA(0x200008), 0, &seen[1]) == OK, "words of two pages");
	ok(gmem_see64(m, GPA(0x200004), 0, &seen[1]) == E_GUEST && gmem_see64(m, GPA(0x400000), 0, &seen[1]) == E_GUEST, "no word, and none in RAM");
	ok(gmem_seen_hold(m, &page, seen, 2), "are what they were");
	ok(gmem_write(m, GPA(0x200009), "x", 1) == OK && !gmem_seen_hold(m, &page, seen, 2) && gmem_seen_hold(m, &page, seen, 1) &&
	   !gmem_seen_read128(m, &page, seen, 2, 0, words) && gmem_seen_read128(m, &page, seen, 1, 0, words), "one has changed");
	ok(gmem_spot(m, GPA(0x200008), 2, &page) == OK && gmem_spot_load16(m, &page, &half) && half == 'x' << 8, "a half word in a large page");
	gmem_clear(m);
	ok(!gmem_spot_load16(m, &page, &half) && !gmem_spot_read64(m, &page, 0, words) && !gmem_seen_read128(m, &page, seen, 0, 0, words) &&
	   !gmem_seen_hold(m, &page, seen, 0), "none outlives a reset");
	gmem_destroy(m);
	ok(none_left(), "nothing is left");
}

static uint64_t published;
static unsigned publishes;
static bool published_zero;

static void publish(const void *p, uint64_t len)
{
	publishes++;
	published += len;
	published_zero = *(const uint64_t *)p == 0;
}

/* Where guests may look past the caches: a page before anybody sees it, and all of them when the loader has written. */
static void test_publish(void)
{
	struct stage2_format fmt = stage2_npt;
	struct gmem *m = NULL;
	uint64_t v = 77, read = 0;

	fmt.publish = publish;
	CHECK(gmem_create(&pool, &fmt, 9, &m) == OK && gmem_add_ram(m, GPA(0x1ff000), 0x201000) == OK);
	ok_eq(gmem_store64(m, GPA(0x1ff008), v), OK, "a word of 64 bits");
	ok(publishes == 1 && published == PAGE_SIZE && published_zero, "its page was published before, when it was zero");
	ok(gmem_read(m, GPA(0x1ff008), &read, 8) == OK && read == 77, "the word is there");
	ok_eq(gmem_store64(m, GPA(0x1ff00c), v), E_GUEST, "an odd place is refused");
	ok_eq(gmem_fault(m, GPA(0x234567), GMEM_W), OK, "a large page");
	ok(publishes == 2 && published == PAGE_SIZE + 2 * MIB, "published as a whole");
	published = publishes = 0;
	gmem_publish(m);
	ok(publishes == 2 && published == PAGE_SIZE + 2 * MIB, "all that is resident");
	gmem_clear(m);
	gmem_publish(m);
	ok_eq(publishes, 2, "and nothing when nothing is");
	gmem_destroy(m);
	ok(none_left(), "nothing is left");
}

int main(void)
{
	fake_init(3 * GIB, 1); /* what is not touched costs nothing */
	pool_init(&pool, "test", &pool_root, UINT64_MAX);
	test_slots();
	test_ranges();
	test_copies();
	test_backings(0);
	test_backings(9);
	test_words();
	test_faults();
	test_scarce();
	test_pins();
	test_spots();
	test_giant();
	test_publish();
	pool_fini(&pool);
	return tap_done();
}
