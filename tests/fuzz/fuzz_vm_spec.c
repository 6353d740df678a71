/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes request bodies: whatever the bytes are, decoding by each schema must end with a refusal that says why in clean text, or with
 * ended strings and numbers within the table's bounds. Host only. */
#include <sandbox/vm_ctl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "../../net/http/utf8.h"
#include "../../sandbox/api/call.h"

static void require(int cond)
{
	if (!cond)
		abort();
}

static void check_refusal(const struct problem *p)
{
	size_t n = strnlen(p->detail, sizeof(p->detail));

	require(p->kind == PROBLEM_BAD_REQUEST && n > 0 && n < sizeof(p->detail) && utf8_valid(p->detail, n));
}

static void check_field(const struct field *f, const char *body)
{
	const char *at = body + f->offset;
	unsigned v;

	if (f->type == FIELD_STRING) {
		size_t n = strnlen(at, f->size);

		require(n < f->size && utf8_valid(at, n));
		require(!f->required || n >= f->min);
	} else if (f->type == FIELD_UINT) {
		memcpy(&v, at, sizeof(v));
		require(v >= f->min && v <= f->max);
	} else {
		require(*(const unsigned char *)at <= 1);
	}
}

static void check_vm(const struct vm_spec *s)
{
	struct problem p = {0};

	if (vm_spec_check(s, &p) != OK)
		check_refusal(&p);
	else
		require(s->name[0] && image_name_ok(s->kernel));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct schema *const schemas[] = {&schema_vm, &schema_stop, &schema_pair, &schema_empty};
	char *json = malloc(size ? size : 1); /* exact: the sanitizer sees what reads past it */

	memcpy(json, data, size);
	for (unsigned i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
		union api_body *body = calloc(1, sizeof(*body));
		struct problem p = {0};

		if (schemas[i] == &schema_vm)
			vm_spec_defaults(&body->vm);
		if (schema_decode(schemas[i], json, size, body, &p) != OK) {
			check_refusal(&p);
		} else {
			for (unsigned k = 0; k < schemas[i]->n; k++)
				check_field(&schemas[i]->fields[k], (const char *)body);
			if (schemas[i] == &schema_vm)
				check_vm(&body->vm);
		}
		free(body);
	}
	free(json);
	return 0;
}
