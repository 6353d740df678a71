/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of refusal and how they read in HTTP (RFC 9457). Pure. */
#include <core/arith.h>
#include <core/fmt.h>
#include <sandbox/problem.h>
#include <sandbox/text.h>

static const struct problem_info kinds[PROBLEM_KINDS] = {
	[PROBLEM_NONE] = {200, "none", "No problem"},
	[PROBLEM_BAD_REQUEST] = {400, "bad-request", "The request is not valid"},
	[PROBLEM_UNAUTHORIZED] = {401, "unauthorized", "A client certificate is needed"},
	[PROBLEM_FORBIDDEN] = {403, "forbidden", "Not allowed"},
	[PROBLEM_NOT_FOUND] = {404, "not-found", "There is no such object"},
	[PROBLEM_METHOD_NOT_ALLOWED] = {405, "method-not-allowed", "The object does not take this method"},
	[PROBLEM_TIMEOUT] = {408, "timeout", "The request took too long"},
	[PROBLEM_CONFLICT] = {409, "conflict", "The object's state does not allow it"},
	[PROBLEM_TOO_LARGE] = {413, "too-large", "The request is too large"},
	[PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {415, "unsupported-media-type", "The media type is not understood"},
	[PROBLEM_DIGEST_MISMATCH] = {422, "digest-mismatch", "The content does not have the digest that was named"},
	[PROBLEM_TOO_MANY_REQUESTS] = {429, "too-many-requests", "Too many requests"},
	[PROBLEM_HEADER_TOO_LARGE] = {431, "header-too-large", "The request's header is too large"},
	[PROBLEM_INTERNAL] = {500, "internal", "The node failed"},
	[PROBLEM_NOT_IMPLEMENTED] = {501, "not-implemented", "The node cannot do this"},
	[PROBLEM_UNAVAILABLE] = {503, "unavailable", "Not available on this machine now"},
	[PROBLEM_INSUFFICIENT_MEMORY] = {507, "insufficient-memory", "Not enough memory"},
};

const struct problem_info *problem_info(enum problem_kind k)
{
	return &kinds[(unsigned)k < ARRAY_LEN(kinds) ? k : PROBLEM_INTERNAL];
}

err_t problem_set(struct problem *p, err_t e, enum problem_kind k, const char *f, ...)
{
	va_list ap;

	if (!p)
		return e;
	p->kind = k;
	p->retry_after_s = 0;
	va_start(ap, f);
	fmt_vbuf(p->detail, sizeof(p->detail), f, ap);
	va_end(ap);
	text_trim(p->detail);
	return e;
}
