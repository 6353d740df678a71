/* SPDX-License-Identifier: Apache-2.0 */
/* Why a request was refused, in the form that becomes an RFC 9457 problem document. Filled by control objects, rendered by the API. */
#ifndef SANDBOX_PROBLEM_H
#define SANDBOX_PROBLEM_H
#include <core/err.h>

enum problem_kind {
	PROBLEM_NONE, PROBLEM_BAD_REQUEST, PROBLEM_UNAUTHORIZED, PROBLEM_FORBIDDEN, PROBLEM_NOT_FOUND, PROBLEM_METHOD_NOT_ALLOWED, PROBLEM_TIMEOUT,
	PROBLEM_CONFLICT, PROBLEM_TOO_LARGE, PROBLEM_UNSUPPORTED_MEDIA_TYPE, PROBLEM_DIGEST_MISMATCH, PROBLEM_TOO_MANY_REQUESTS,
	PROBLEM_HEADER_TOO_LARGE, PROBLEM_INTERNAL, PROBLEM_NOT_IMPLEMENTED, PROBLEM_UNAVAILABLE, PROBLEM_INSUFFICIENT_MEMORY, PROBLEM_KINDS
};
struct problem {
	enum problem_kind kind;
	char detail[256];       /* what was wrong and what was expected */
	unsigned retry_after_s; /* 0: none */
};
/* Status, slug and title of a kind: const table in sandbox/ctl/problem.c. */
struct problem_info { int status; const char *slug, *title; };
const struct problem_info *problem_info(enum problem_kind k);
/* Fills p (may be NULL) and returns e, so that callers can write: return problem_set(p, E_NOENT, PROBLEM_NOT_FOUND, "..."). */
err_t problem_set(struct problem *p, err_t e, enum problem_kind k, const char *f, ...) __attribute__((format(printf, 4, 5)));

#endif
