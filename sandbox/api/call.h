/* SPDX-License-Identifier: Apache-2.0 */
/* A request on its way through the API: the matched route, the object's name, the checked body. Private to sandbox/api. CPU 0, the
 * connection's task. */
#ifndef SANDBOX_API_CALL_H
#define SANDBOX_API_CALL_H
#include <net/http.h>
#include <sandbox/problem.h>
#include <sandbox/vm_ctl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define API_BODY_MAX (64 * 1024)
#define API_NAME_MAX 128

/* ---- request bodies: one table row per JSON member, decoded straight into a struct ---- */
enum field_type { FIELD_STRING, FIELD_UINT, FIELD_BOOL };
struct field {
	const char *name;
	enum field_type type;
	bool required, nullable; /* nullable: null leaves the default */
	size_t offset;           /* of a char[size], unsigned or bool */
	size_t size;             /* FIELD_STRING: capacity with NUL */
	uint64_t min, max;       /* FIELD_UINT; FIELD_STRING: min is the least length */
};
struct schema { const char *name; /* in openapi.json's components */ const struct field *fields; unsigned n; };

enum right { RIGHT_NONE, RIGHT_CLIENT };
struct call;
struct route {
	enum http_method method;
	const char *pattern;     /* "/v1/vms/{name}/start" */
	enum right right;
	const struct schema *schema; /* NULL: the handler reads the body itself, or there is none */
	bool body_optional;
	void (*handle)(struct call *c);
	const char *operation;   /* operationId of openapi.json */
	const char *query;       /* the one query parameter that is known, or NULL */
};
extern const struct route api_routes[];
extern const unsigned api_nroutes;

union api_body {
	struct vm_spec vm;
	struct { unsigned timeout_ms; } stop;
	struct { char code[32], csr[4096], name[64]; } pair;
};
struct call {
	struct http_exchange *x;
	const struct route *route;
	char name[API_NAME_MAX]; /* what stands for {name} */
	union api_body *body;    /* decoded when the route has a schema */
};

extern const struct schema schema_vm, schema_stop, schema_pair, schema_empty;

/* Decodes a JSON object of n bytes; absent members keep what out holds. BAD_REQUEST names the member and what was expected. */
err_t schema_decode(const struct schema *s, const char *json, size_t n, void *out, struct problem *p) MUST_CHECK;

/* Answers. */
void api_problem(struct http_exchange *x, const struct problem *p);
/* With a status that has no kind of its own. */
void api_problem_status(struct http_exchange *x, int status, const struct problem *p);
void api_problem_text(struct http_exchange *x, enum problem_kind k, const char *f, ...) __attribute__((format(printf, 3, 4)));
/* Documents (yyjson). Building one must not block; what could not be added for want of memory is noticed at the end. NULL: no memory. */
struct yyjson_mut_doc;
struct yyjson_mut_doc *api_doc_new(void);
/* Frees doc; the caller frees the text. NULL: no memory, now or while it was built. */
char *api_doc_write(struct yyjson_mut_doc *doc, bool newline, size_t *n);
void *api_heap_alloc(size_t n);
void *api_heap_realloc(void *p, size_t n);
/* A document as the answer; frees doc. */
void api_json(struct http_exchange *x, int status, struct yyjson_mut_doc *doc);
void api_empty(struct http_exchange *x, int status);

/* The VM named in the path, or a 404 answer and NULL. */
struct vm_ctl *call_vm(struct call *c);

/* Handlers, one file per noun. */
void api_health(struct call *c);
void api_openapi(struct call *c);
void api_pair(struct call *c);
void api_node_get(struct call *c);
void api_node_reboot(struct call *c);
void api_node_poweroff(struct call *c);
void api_vms_list(struct call *c);
void api_vms_create(struct call *c);
void api_vm_get(struct call *c);
void api_vm_delete(struct call *c);
void api_vm_start(struct call *c);
void api_vm_stop(struct call *c);
void api_vm_pause(struct call *c);
void api_vm_resume(struct call *c);
void api_vm_reset(struct call *c);
void api_vm_console(struct call *c);
void api_vm_console_log(struct call *c);
void api_images_list(struct call *c);
void api_image_get(struct call *c);
void api_image_put(struct call *c);
void api_image_delete(struct call *c);
void api_events(struct call *c);
void api_metrics(struct call *c);

#endif
