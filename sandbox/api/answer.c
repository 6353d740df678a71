/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: JSON documents and problem documents (RFC 9457). CPU 0. */
#include <core/fmt.h>
#include <sandbox/text.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>
#include "call.h"

/* Adding to a document may fail half way without a word. One document is built at a time, never across a blocking call, so one flag
 * tells whether it is whole. */
static bool doc_failed;

static void *doc_malloc(void *ctx, size_t n)
{
	void *p = api_heap_alloc(n);

	(void)ctx;
	doc_failed |= !p;
	return p;
}

static void *doc_realloc(void *ctx, void *old, size_t old_size, size_t n)
{
	void *p = api_heap_realloc(old, n);

	(void)ctx, (void)old_size;
	doc_failed |= !p;
	return p;
}

static void doc_free(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static const yyjson_alc doc_heap = {doc_malloc, doc_realloc, doc_free, NULL};

yyjson_mut_doc *api_doc_new(void)
{
	doc_failed = false;
	return yyjson_mut_doc_new(&doc_heap);
}

char *api_doc_write(yyjson_mut_doc *doc, bool newline, size_t *n)
{
	char *text = doc && !doc_failed ? yyjson_mut_write_opts(doc, newline ? YYJSON_WRITE_NEWLINE_AT_END : YYJSON_WRITE_NOFLAG, &doc_heap, n, NULL) : NULL;

	yyjson_mut_doc_free(doc);
	return text;
}

void api_json(struct http_exchange *x, int status, yyjson_mut_doc *doc)
{
	size_t n = 0;
	char *text = api_doc_write(doc, true, &n);

	if (text)
		http_respond(x, status, "application/json", text, n);
	else
		api_problem_text(x, PROBLEM_INSUFFICIENT_MEMORY, "no memory for the answer");
	free(text);
}

void api_empty(struct http_exchange *x, int status)
{
	http_respond(x, status, NULL, NULL, 0);
}

void api_problem(struct http_exchange *x, const struct problem *p)
{
	api_problem_status(x, problem_info(p->kind)->status, p);
}

/* The document that needs no memory. */
static const char no_memory[] = "{\"type\":\"urn:caisson:problem:insufficient-memory\",\"title\":\"Not enough memory\",\"status\":507,"
				"\"detail\":\"no memory for the answer\",\"instance\":\"\"}\n";

void api_problem_status(struct http_exchange *x, int status, const struct problem *p)
{
	const struct problem_info *info = problem_info(p->kind);
	yyjson_mut_doc *doc = api_doc_new();
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	char kind[80], retry[12], *text;
	size_t n = 0;

	yyjson_mut_doc_set_root(doc, root);
	fmt_buf(kind, sizeof(kind), "urn:caisson:problem:%s", info->slug);
	yyjson_mut_obj_add_strcpy(doc, root, "type", kind);
	yyjson_mut_obj_add_str(doc, root, "title", info->title);
	yyjson_mut_obj_add_int(doc, root, "status", status);
	yyjson_mut_obj_add_strcpy(doc, root, "detail", p->detail);
	yyjson_mut_obj_add_strcpy(doc, root, "instance", http_path(x));
	text = api_doc_write(doc, true, &n);
	if (text && p->retry_after_s) {
		fmt_buf(retry, sizeof(retry), "%u", p->retry_after_s);
		http_add_header(x, "Retry-After", retry);
	}
	http_respond(x, text ? status : 507, "application/problem+json", text ? text : no_memory, text ? n : sizeof(no_memory) - 1);
	free(text);
}

void api_problem_text(struct http_exchange *x, enum problem_kind k, const char *f, ...)
{
	struct problem p = {.kind = k};
	va_list ap;

	va_start(ap, f);
	fmt_vbuf(p.detail, sizeof(p.detail), f, ap);
	va_end(ap);
	text_trim(p.detail);
	api_problem(x, &p);
}
