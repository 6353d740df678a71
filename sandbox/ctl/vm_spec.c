/* SPDX-License-Identifier: Apache-2.0 */
/* What a VM may be: defaults and limits, the same for the API and the config file. Pure. */
#include <core/arith.h>
#include <core/fmt.h>
#include <sandbox/vm_ctl.h>
#include <string.h>

void vm_spec_defaults(struct vm_spec *s)
{
	memset(s, 0, sizeof(*s));
	s->vcpus = VM_VCPUS_DEFAULT;
	s->memory_mib = VM_MEMORY_MIB_DEFAULT;
	s->weight = VM_WEIGHT_DEFAULT;
}

static bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/* A DNS label (RFC 1123 2.1): names become host names. */
static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!is_alnum(name[i]) && name[i] != '-')
			return false;
	return n >= 1 && n <= VM_NAME_MAX && is_alnum(name[0]) && is_alnum(name[n - 1]);
}

static const struct { const char *field; size_t off; unsigned min, max; } ranges[] = {
	{"vcpus", offsetof(struct vm_spec, vcpus), 1, VM_MAX_VCPUS},
	{"memory_mib", offsetof(struct vm_spec, memory_mib), VM_MEMORY_MIB_MIN, VM_MEMORY_MIB_MAX},
	{"weight", offsetof(struct vm_spec, weight), 1, VM_WEIGHT_MAX},
};

err_t vm_spec_check(const struct vm_spec *s, struct problem *p)
{
	if (!name_ok(s->name))
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST,
				   "name: expected 1 to %u lower-case letters, digits or dashes, with a letter or digit at both ends", VM_NAME_MAX);
	for (unsigned i = 0; i < ARRAY_LEN(ranges); i++) {
		unsigned v = *(const unsigned *)(const void *)((const char *)s + ranges[i].off);

		if (v < ranges[i].min || v > ranges[i].max)
			return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "%s: expected a number from %u to %u, found %u", ranges[i].field, ranges[i].min,
					   ranges[i].max, v);
	}
	if (!image_name_ok(s->kernel))
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "kernel: expected the name of an image");
	if (s->initrd[0] && !image_name_ok(s->initrd))
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "initrd: expected the name of an image");
	return OK;
}
