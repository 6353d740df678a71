/* SPDX-License-Identifier: Apache-2.0 */
/* From a JSON body to a VM's specification: each type, range and mistake of the schema tables, and the checks that the API and the
 * config file share. */
#include "../../sandbox/api/call.h"
#include <stdlib.h>
#include <unit/tap.h>

static struct vm_spec spec;
static struct problem why;

static err_t decode(const char *json)
{
	union api_body *body = calloc(1, sizeof(*body));
	size_t n = strlen(json);
	char *exact = malloc(n ? n : 1); /* no NUL behind: the decoder must not need one */
	err_t e;

	memcpy(exact, json, n);
	why = (struct problem){0};
	vm_spec_defaults(&body->vm);
	e = schema_decode(&schema_vm, exact, n, body, &why);
	spec = body->vm;
	free(exact);
	free(body);
	return e;
}

static void refused(const char *json, const char *detail)
{
	err_t e = decode(json);

	if (!ok(e != OK && why.kind == PROBLEM_BAD_REQUEST && strstr(why.detail, detail), "refused: %s", detail))
		tap_note("%s: %s", json, why.detail);
}

#define MIN_BODY "\"name\":\"a\",\"kernel\":\"k\""

static void test_good(void)
{
	ok(decode("{" MIN_BODY "}") == OK && vm_spec_check(&spec, &why) == OK, "the least");
	ok(spec.vcpus == 1 && spec.memory_mib == 128 && spec.weight == 100 && !spec.autostart && !spec.initrd[0] && !spec.cmdline[0], "and the defaults");
	ok_eq(decode("{" MIN_BODY ",\"vcpus\":64,\"memory_mib\":1048576,\"initrd\":\"i.img\",\"cmdline\":\"a=\\u00e9 \\\"b\\\"\",\"autostart\":true,\"weight\":10000}"), OK, "everything");
	ok(spec.vcpus == 64 && spec.memory_mib == 1048576 && spec.weight == 10000 && spec.autostart, "numbers and booleans");
	ok_str(spec.initrd, "i.img", "a string");
	ok_str(spec.cmdline, "a=\xc3\xa9 \"b\"", "escapes");
	ok(decode(" \n{" MIN_BODY ",\"initrd\":null}\t ") == OK && !spec.initrd[0], "null for no initrd, blanks around");
	ok_eq(vm_spec_check(&spec, NULL), OK, "nobody asks why");
}

static void test_types(void)
{
	refused("{" MIN_BODY ",\"vcpus\":\"2\"}", "vcpus: expected a number from 1 to 64, found a string");
	refused("{" MIN_BODY ",\"vcpus\":1.5}", "vcpus: expected a number from 1 to 64, found a fraction");
	refused("{" MIN_BODY ",\"vcpus\":-1}", "found a negative number");
	refused("{" MIN_BODY ",\"vcpus\":null}", "found null");
	refused("{" MIN_BODY ",\"vcpus\":[1]}", "found an array");
	refused("{" MIN_BODY ",\"vcpus\":{}}", "found an object");
	refused("{" MIN_BODY ",\"vcpus\":0}", "vcpus: expected a number from 1 to 64, found 0");
	refused("{" MIN_BODY ",\"vcpus\":65}", "found 65");
	refused("{" MIN_BODY ",\"memory_mib\":4294967312}", "memory_mib: expected a number from 16 to 1048576, found 4294967312");
	refused("{" MIN_BODY ",\"memory_mib\":99999999999999999999}", "found a number beyond 64 bits");
	refused("{" MIN_BODY ",\"memory_mib\":1e3}", "found a fraction");
	refused("{" MIN_BODY ",\"autostart\":1}", "autostart: expected true or false, found a number");
	refused("{" MIN_BODY ",\"autostart\":null}", "found null");
	refused("{\"name\":7,\"kernel\":\"k\"}", "name: expected a string, found a number");
	refused("{\"name\":null,\"kernel\":\"k\"}", "name: expected a string, found null");
	refused("{\"name\":\"\",\"kernel\":\"k\"}", "name: expected 1 to 63 bytes of text, found 0");
	refused("{\"name\":\"a\\u0000b\",\"kernel\":\"k\"}", "name: expected text without NUL");
}

static void test_shape(void)
{
	refused("{\"kernel\":\"k\"}", "name: is missing");
	refused("{\"name\":\"a\"}", "kernel: is missing");
	refused("{}", "is missing");
	refused("{" MIN_BODY ",\"vcpu\":1}", "unknown member \"vcpu\"");
	refused("{" MIN_BODY ",\"vcpus\\u0000x\":1}", "unknown member \"vcpus\"");
	refused("{" MIN_BODY ",\"Name\":1}", "unknown member \"Name\"");
	refused("{" MIN_BODY ",\"\":1}", "unknown member \"\"");
	refused("{" MIN_BODY ",\"name\":\"b\"}", "name: given twice");
	refused("[]", "the body: expected a JSON object, found an array");
	refused("null", "found null");
	refused("\"x\"", "found a string");
	refused("", "the body is no JSON");
	refused("{" MIN_BODY, "the body is no JSON");
	refused("{" MIN_BODY "} x", "the body is no JSON");
	refused("{" MIN_BODY ",}", "the body is no JSON");
	refused("{'name':'a'}", "the body is no JSON");
	refused("{\"name\":\"\xff\",\"kernel\":\"k\"}", "the body is no JSON");
	refused("{\"name\":\"\\ud800\",\"kernel\":\"k\"}", "the body is no JSON");
}

static void test_deep(void)
{
	enum { DEPTH = 60000 };
	static char deep[DEPTH * 2 + 100];
	size_t n = (size_t)sprintf(deep, "{" MIN_BODY ",\"cmdline\":");

	memset(deep + n, '[', DEPTH);
	memset(deep + n + DEPTH, ']', DEPTH);
	strcpy(deep + n + 2 * DEPTH, "}");
	refused(deep, "cmdline: expected a string, found an array");
}

/* A detail is text: it may not end inside a character, whatever the client sends. */
static void test_long_member(void)
{
	char json[400] = "{", *at = json + 1;

	at += sprintf(at, "\"x");
	for (int i = 0; i < 60; i++)
		at += sprintf(at, "\xc3\xa9");
	strcpy(at, "\":1}");
	refused(json, "unknown member \"x\xc3\xa9");
	ok(strlen(why.detail) < 100, "a long name is cut");
	ok(!strstr(why.detail, "\xc3\""), "but not inside a character");
}

static void bad_spec(const char *what, const char *detail)
{
	err_t e = vm_spec_check(&spec, &why);

	if (!ok(e == E_INVAL && why.kind == PROBLEM_BAD_REQUEST && !strncmp(why.detail, detail, strlen(detail)), "%s", what))
		tap_note("%d %s", e, why.detail);
}

static void good(void)
{
	vm_spec_defaults(&spec);
	strcpy(spec.name, "a");
	strcpy(spec.kernel, "k");
}

static void test_check(void)
{
	static const char *const bad_names[] = {"", "-a", "a-", "A", "a_b", "a.b", "\xc3\xa9", "a b", "a/b"};
	static const char *const bad_images[] = {"a/b", "..", ".", "a b", "\xc3\xa9"};

	for (unsigned i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		good();
		strcpy(spec.name, bad_names[i]);
		bad_spec(bad_names[i], "name: expected");
	}
	good();
	memset(spec.name, 'a', VM_NAME_MAX);
	ok_eq(vm_spec_check(&spec, &why), OK, "the longest name");
	for (unsigned i = 0; i < sizeof(bad_images) / sizeof(bad_images[0]); i++) {
		good();
		strcpy(spec.kernel, bad_images[i]);
		bad_spec(bad_images[i], "kernel: expected");
		good();
		strcpy(spec.initrd, bad_images[i]);
		bad_spec(bad_images[i], "initrd: expected");
	}
	good();
	spec.kernel[0] = '\0';
	bad_spec("no kernel", "kernel: expected");
	good();
	spec.memory_mib = 15;
	bad_spec("too little memory", "memory_mib: expected a number from 16 to 1048576, found 15");
	good();
	spec.weight = 0;
	bad_spec("no weight", "weight: expected a number from 1 to 10000, found 0");
	good();
	spec.vcpus = 65;
	bad_spec("too many vCPUs", "vcpus: expected a number from 1 to 64, found 65");
}

int main(void)
{
	test_good();
	test_types();
	test_shape();
	test_deep();
	test_long_member();
	test_check();
	return tap_done();
}
