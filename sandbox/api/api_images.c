/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/images: upload with the digest checked while streaming, look-up, removal. CPU 0, the connection's task. */
#include <core/arith.h>
#include <core/fmt.h>
#include <sandbox/image.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>
#include "call.h"

enum { UPLOAD_CHUNK = 16 * 1024 }; /* more than a request target may have */

static yyjson_mut_val *image_to_json(yyjson_mut_doc *doc, const struct image *im)
{
	yyjson_mut_val *o = yyjson_mut_obj(doc);
	char hex[65];

	yyjson_mut_obj_add_strcpy(doc, o, "name", im->name);
	yyjson_mut_obj_add_uint(doc, o, "size_bytes", im->size);
	yyjson_mut_obj_add_strcpy(doc, o, "sha256", image_sha256_hex(im, hex));
	yyjson_mut_obj_add_bool(doc, o, "in_use", im->users != 0);
	return o;
}

static void answer_image(struct call *c, int status, const struct image *im)
{
	yyjson_mut_doc *doc = api_doc_new();

	if (doc)
		yyjson_mut_doc_set_root(doc, image_to_json(doc, im));
	api_json(c->x, status, doc);
}

/* false: there is no memory for it, and that is the answer. */
static bool digest_made(struct call *c, struct image *im)
{
	if (image_digest(im) == OK)
		return true;
	api_problem_text(c->x, PROBLEM_INSUFFICIENT_MEMORY, "no memory for the digest of image \"%s\"", im->name);
	return false;
}

void api_images_list(struct call *c)
{
	yyjson_mut_doc *doc = api_doc_new();

	if (doc) {
		yyjson_mut_val *root = yyjson_mut_obj(doc), *items = yyjson_mut_obj_add_arr(doc, root, "items");

		yyjson_mut_doc_set_root(doc, root);
		for (struct image *im = image_next(NULL); im; im = image_next(im)) {
			if (!digest_made(c, im)) {
				yyjson_mut_doc_free(doc);
				return;
			}
			yyjson_mut_arr_append(items, image_to_json(doc, im));
		}
	}
	api_json(c->x, 200, doc);
}

void api_image_get(struct call *c)
{
	struct image *im = image_find(c->name);

	if (!im)
		api_problem_text(c->x, PROBLEM_NOT_FOUND, "there is no image \"%s\"", c->name);
	else if (digest_made(c, im))
		answer_image(c, 200, im);
}

void api_image_delete(struct call *c)
{
	struct problem p;

	if (image_remove(c->name, &p))
		api_problem(c->x, &p);
	else
		api_empty(c->x, 204);
}

/* Moves the whole body into the upload. */
static err_t receive_body(struct call *c, struct image_upload *u, uint8_t *chunk, struct problem *p)
{
	for (;;) {
		size_t got;
		err_t e = http_body_read(c->x, chunk, UPLOAD_CHUNK, &got);

		if (e)
			return problem_set(p, e, e == E_TIMEOUT ? PROBLEM_TIMEOUT : PROBLEM_BAD_REQUEST, "the upload ended early: %s", err_name(e));
		if (got == 0)
			return OK;
		e = image_upload_write(u, chunk, got, p);
		if (e)
			return e;
		task_yield(); /* a fast sender must not keep the others waiting */
	}
}

/* scratch has room for any value, so that one that is too long is not taken for none. */
static err_t expected_digest(struct call *c, char digest[65], bool *given, char *scratch, struct problem *p)
{
	*given = http_query(c->x, "sha256", scratch, UPLOAD_CHUNK);
	if (!*given)
		return OK;
	if (strlen(scratch) != 64 || strspn(scratch, "0123456789abcdefABCDEF") != 64)
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "sha256: expected 64 hexadecimal digits");
	memcpy(digest, scratch, 65);
	return OK;
}

static err_t put_image(struct call *c, struct image **im, struct problem *p)
{
	uint8_t *chunk = malloc(UPLOAD_CHUNK);
	struct image_upload *u;
	char digest[65];
	bool given;
	err_t e = chunk ? expected_digest(c, digest, &given, (char *)chunk, p) : problem_set(p, E_NOMEM, PROBLEM_INSUFFICIENT_MEMORY, "no memory for another upload");

	if (e == OK)
		e = image_upload_begin(c->name, &u, p);
	if (e == OK) {
		e = receive_body(c, u, chunk, p);
		if (e)
			image_upload_abort(u);
		else
			e = image_upload_commit(u, given ? digest : NULL, im, p);
	}
	free(chunk);
	return e;
}

void api_image_put(struct call *c)
{
	struct problem p;
	struct image *im;

	if (put_image(c, &im, &p))
		api_problem(c->x, &p);
	else
		answer_image(c, 201, im);
}
