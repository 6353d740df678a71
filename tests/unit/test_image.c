/* SPDX-License-Identifier: Apache-2.0 */
/* Images: names, order, uploads with right and wrong digests, quota, removal while in use, reading across blocks; every page back. */
#include <core/arith.h>
#include <fake/fake.h>
#include <net/tls.h>
#include <sandbox/event.h>
#include <sandbox/image.h>
#include <stdlib.h>
#include <unit/tap.h>

#define BLOCK (PAGE_SIZE << IMAGE_BLOCK_ORDER)
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* FIPS 180-2, B.1 */

static struct problem why;
static uint8_t data[3 * BLOCK + 5];

static uint64_t free_pages(void)
{
	struct page_stats s;

	page_stats(&s);
	return s.free;
}

static err_t upload(const char *name, const void *p, size_t n, size_t piece, const char *digest, struct image **im)
{
	struct image_upload *u;
	const uint8_t *s = p;
	err_t e = image_upload_begin(name, &u, &why);

	if (e)
		return e;
	for (size_t part; n; s += part, n -= part) {
		part = MIN(n, piece);
		e = image_upload_write(u, s, part, &why);
		if (e) {
			image_upload_abort(u);
			return e;
		}
	}
	return image_upload_commit(u, digest, im, &why);
}

static void remove_image(const char *name)
{
	ok_eq(image_remove(name, &why), OK, "removed");
}

static void test_names(void)
{
	static const char *const good[] = {"a", "Z", "0", ".a", "a.b-c_d", "..."};
	static const char *const bad[] = {"", ".", "..", "a/b", "a b", "\xc3\xa9", "a\n"};
	char longest[IMAGE_NAME_MAX + 2];

	for (unsigned i = 0; i < ARRAY_LEN(good); i++)
		ok(image_name_ok(good[i]), "a name: %s", good[i]);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		ok(!image_name_ok(bad[i]), "no name");
	memset(longest, 'a', sizeof(longest));
	longest[IMAGE_NAME_MAX + 1] = '\0';
	ok(!image_name_ok(longest), "too long");
	longest[IMAGE_NAME_MAX] = '\0';
	ok(image_name_ok(longest), "the longest");
}

static void test_digest(void)
{
	uint64_t pages = free_pages();
	struct image *im = NULL;
	char hex[65], upper[65];

	ok_eq(upload("abc", "abc", 3, 3, ABC, &im), OK, "the right digest");
	ok(im && im->size == 3 && image_find("abc") == im && !im->users, "an image");
	ok_str(image_sha256_hex(im, hex), ABC, "its digest");
	ok(upload("abc", "abc", 3, 3, ABC, &im) == E_EXIST && why.kind == PROBLEM_CONFLICT, "the name is taken");
	remove_image("abc");
	for (unsigned i = 0; i < 65; i++)
		upper[i] = (char)(ABC[i] >= 'a' ? ABC[i] - 32 : ABC[i]);
	ok_eq(upload("abc", "abc", 3, 1, upper, &im), OK, "in capitals, byte by byte");
	remove_image("abc");
	im = NULL;
	ok(upload("abd", "abd", 3, 3, ABC, &im) == E_CORRUPT && why.kind == PROBLEM_DIGEST_MISMATCH && !im && !image_find("abd"), "a wrong one: nothing is kept");
	ok(upload("abc", "abc", 3, 3, "ba78", &im) == E_CORRUPT && upload("abc", "abc", 3, 3, "", &im) == E_CORRUPT && upload("abc", "abc", 3, 3, ABC "0", &im) == E_CORRUPT,
	   "digests of another length are wrong");
	ok(upload("e", "", 0, 1, NULL, &im) == E_INVAL && why.kind == PROBLEM_BAD_REQUEST, "nothing is no image");
	ok(upload("a/b", "x", 1, 1, NULL, &im) == E_INVAL && why.kind == PROBLEM_BAD_REQUEST, "a bad name");
	ok_eq(upload("n", "x", 1, 1, NULL, &im), OK, "no digest, no check");
	remove_image("n");
	ok(image_remove("n", &why) == E_NOENT && why.kind == PROBLEM_NOT_FOUND, "once");
	ok_eq(free_pages(), pages, "every page is back");
}

static void test_blocks(void)
{
	uint64_t pages = free_pages();
	static uint8_t back[sizeof(data)];
	struct vm_source src;
	struct image *im;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	ok_eq(upload("big", data, sizeof(data), 1000, NULL, &im), OK, "an image of several blocks");
	src = image_source(im);
	ok(src.size == sizeof(data) && src.read(src.ctx, 0, back, sizeof(back)) == OK && !memcmp(back, data, sizeof(data)), "read whole");
	ok(src.read(src.ctx, BLOCK - 3, back, 7) == OK && !memcmp(back, data + BLOCK - 3, 7), "across a border");
	ok(src.read(src.ctx, sizeof(data), back, 0) == OK, "nothing at the end");
	ok(src.read(src.ctx, sizeof(data), back, 1) == E_RANGE && src.read(src.ctx, UINT64_MAX, back, 2) == E_RANGE && src.read(src.ctx, 1, back, UINT64_MAX) == E_RANGE,
	   "never beyond it");
	im->users++;
	ok(image_remove("big", &why) == E_BUSY && why.kind == PROBLEM_CONFLICT, "in use");
	im->users--;
	remove_image("big");
	ok_eq(upload("block", data, BLOCK, BLOCK, NULL, &im), OK, "exactly one block");
	ok_eq(im->nblocks, 1, "takes one");
	remove_image("block");
	ok_eq(free_pages(), pages, "every page is back");
	ok_eq(image_source(NULL).size, 0, "no image, no source");
}

static void test_quota(void)
{
	uint64_t pages = free_pages();
	struct image_upload *u;
	struct image *im;
	err_t e = OK;
	unsigned n = 0;

	ok_eq(image_upload_begin("huge", &u, &why), OK, "an upload without end");
	while (e == OK && n++ < 1000)
		e = image_upload_write(u, data, BLOCK, &why);
	ok(e == E_NOMEM && why.kind == PROBLEM_INSUFFICIENT_MEMORY && n == 4 * MIB / BLOCK + 1, "ends at the quota");
	image_upload_abort(u);
	image_upload_abort(NULL);
	ok_eq(free_pages(), pages, "every page is back");
	ok_eq(upload("fits", data, BLOCK, 999, NULL, &im), OK, "and the next upload fits");
	remove_image("fits");
}

static void test_meanwhile(void)
{
	struct image_upload *a = NULL, *b = NULL;
	struct image *im = NULL;
	uint64_t pages = free_pages();

	ok(image_upload_begin("same", &a, &why) == OK && image_upload_begin("same", &b, &why) == OK, "two uploads of one name");
	ok(image_upload_write(a, "aa", 2, &why) == OK && image_upload_write(b, "b", 1, &why) == OK && !image_find("same"), "neither is seen yet");
	ok(image_upload_commit(b, NULL, &im, &why) == OK && im->size == 1, "the first to end has it");
	ok(image_upload_commit(a, NULL, &im, &why) == E_EXIST && why.kind == PROBLEM_CONFLICT, "the other is told");
	ok(image_find("same")->size == 1, "and changes nothing");
	remove_image("same");
	ok_eq(free_pages(), pages, "every page is back");
}

static void test_files(void)
{
	struct boot_file f = {.name = "vmlinuz", .data = "abc", .size = 3}, bad = {.name = "a b", .data = "x", .size = 1};
	struct image *im;
	struct event e;
	char hex[65];

	ok_eq(image_add_file(&f), OK, "a file of the ESP");
	ok(event_get(event_last_id(), &e) && !strcmp(e.type, "image.added") && !strcmp(e.object, "vmlinuz"), "is told");
	ok_eq(image_add_file(&f), E_EXIST, "once");
	ok_eq(image_add_file(&bad), E_INVAL, "a name that cannot be");
	im = image_find("vmlinuz");
	ok(!im->digested && image_digest(im) == OK && im->users == 0, "its digest is made when it is asked for");
	ok_str(image_sha256_hex(im, hex), ABC, "its digest");
	ok(image_source(im).read(im, 1, hex, 2) == OK && hex[0] == 'b' && image_source(im).read(im, 1, hex, 3) == E_RANGE, "read in place");
	ok(upload("b", "x", 1, 1, NULL, &im) == OK && upload("z", "x", 1, 1, NULL, &im) == OK && upload("a", "x", 1, 1, NULL, &im) == OK, "three more");
	im = image_next(NULL);
	ok_str(im->name, "a", "in order");
	im = image_next(im);
	ok_str(im->name, "b", "of");
	im = image_next(im);
	ok_str(im->name, "vmlinuz", "their");
	im = image_next(im);
	ok_str(im->name, "z", "names");
	ok(!image_next(im), "to the end");
	remove_image("vmlinuz");
	ok(event_get(event_last_id(), &e) && !strcmp(e.type, "image.removed"), "removal is told");
}

int main(void)
{
	fake_init(64 * MIB, 1);
	event_init();
	image_init(4 * MIB);
	test_names();
	test_digest();
	test_blocks();
	test_quota();
	test_meanwhile();
	test_files();
	return tap_done();
}
