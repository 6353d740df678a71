/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: JSON documents and problem documents (RFC 9457). CPU 0. */
#include <core/fmt.h>
#include <sandbox/text.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>
#include "call.h"

static void answer_doc(struct http_exchange *x, int status, const char *type, yyjson_mut_doc *doc)
{
	size_t n = 0;
	char *text = doc ? yyjson_mut_write(doc, YYJSON_WRITE_NEWLINE_AT_END, &n) : NULL;

	yyjson_mut_doc_free(doc);
	if (text)
		http_respond(x, status, type, text, n);
	else /* no memory left for the document */
		http_respond(x, 507, "text/plain; charset=utf-8", "no memory\n", 10);
	free(text);
}

void api_json(struct http_exchange *x, int status, yyjson_mut_doc *doc)
{
	answer_doc(x, status, "application/json", doc);
}

void api_empty(struct http_exchange *x, int status)
{
	http_respond(x, status, NULL, NULL, 0);
}

void api_problem(struct http_exchange *x, const struct problem *p)
{
	api_problem_status(x, problem_info(p->kind)->status, p);
}

void api_problem_status(struct http_exchange *x, int status, const struct problem *p)
{
	const struct problem_info *info = problem_info(p->kind);
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	char type[80], retry[12];

	yyjson_mut_doc_set_root(doc, root);
	fmt_buf(type, sizeof(type), "urn:caisson:problem:%s", info->slug);
	yyjson_mut_obj_add_strcpy(doc, root, "type", type);
	yyjson_mut_obj_add_str(doc, root, "title", info->title);
	yyjson_mut_obj_add_int(doc, root, "status", status);
	yyjson_mut_obj_add_strcpy(doc, root, "detail", p->detail);
	yyjson_mut_obj_add_strcpy(doc, root, "instance", http_path(x));
	if (p->retry_after_s) {
		fmt_buf(retry, sizeof(retry), "%u", p->retry_after_s);
		http_add_header(x, "Retry-After", retry);
	}
	answer_doc(x, status, "application/problem+json", doc);
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
