/* SPDX-License-Identifier: Apache-2.0 */
/* The pairing code: what counts as the code, one try a second, five wrong ones burn it, and the next one comes by itself. */
#include <core/arith.h>
#include <ctype.h>
#include <fake/fake.h>
#include <sandbox/event.h>
#include <sandbox/pairing.h>
#include <unit/tap.h>

static struct problem why;

static void pass(uint64_t ns)
{
	fake_clock_advance(ns);
	fake_loop_settle();
}

static enum problem_kind attempt(const char *code)
{
	why = (struct problem){0};
	return pairing_try(code, &why) == OK ? PROBLEM_NONE : why.kind;
}

/* A code that differs from the right one in its last digit. */
static const char *wrong(void)
{
	static char code[PAIRING_CODE_LEN + 1];

	strcpy(code, pairing_code());
	code[8] = code[8] == '7' ? '8' : '7';
	return code;
}

static void test_forms(void)
{
	char code[64], before[16];
	unsigned n = 0;

	strcpy(before, pairing_code());
	ok(strlen(before) == PAIRING_CODE_LEN && before[4] == '-' && strspn(before, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-") == 9, "a code that reads aloud");
	ok(attempt(before) == PROBLEM_NONE && strcmp(pairing_code(), before) != 0, "the right code is used up");
	ok_eq(attempt(before), PROBLEM_FORBIDDEN, "and does not work again");
	pass(NS_PER_S);
	for (const char *s = pairing_code(); *s; s++)
		if (*s != '-')
			code[n++] = (char)tolower((unsigned char)*s);
	code[n] = '\0';
	ok_eq(attempt(code), PROBLEM_NONE, "without the dash, in lower case");
	for (n = 0; pairing_code()[n]; n++)
		code[n] = pairing_code()[n] == '0' ? 'o' : pairing_code()[n] == '1' ? 'l' : pairing_code()[n];
	code[n] = '\0';
	ok_eq(attempt(code), PROBLEM_NONE, "with the letters that look like digits");
	snprintf(code, sizeof(code), " %s ", pairing_code());
	ok_eq(attempt(code), PROBLEM_NONE, "with blanks around");
}

static void bad_form(const char *code)
{
	ok(attempt(code) == PROBLEM_FORBIDDEN && strstr(why.detail, "wrong pairing code"), "not a code: \"%s\"", code);
	pass(NS_PER_S);
	ok_eq(attempt(pairing_code()), PROBLEM_NONE, "the right one goes on working");
}

static void test_throttle(void)
{
	struct pairing_stats s, t;

	pairing_stats(&s);
	ok(attempt(wrong()) == PROBLEM_FORBIDDEN && strstr(why.detail, "4 of 5"), "a wrong one: tries left are told");
	ok(attempt(pairing_code()) == PROBLEM_TOO_MANY_REQUESTS && why.retry_after_s == 1, "the next within a second is not looked at");
	pass(NS_PER_S - 1);
	ok_eq(attempt(pairing_code()), PROBLEM_TOO_MANY_REQUESTS, "nor a little later");
	pass(1);
	ok_eq(attempt(pairing_code()), PROBLEM_NONE, "but after the second");
	pairing_stats(&t);
	ok(t.wrong == s.wrong + 1 && t.throttled == s.throttled + 2 && t.paired == s.paired + 1 && t.burnt == 0, "all of it is counted");
}

static void test_burn(void)
{
	char right[16];
	struct pairing_stats s;

	strcpy(right, pairing_code());
	for (unsigned left = 4; left > 0; left--) {
		char text[16];

		snprintf(text, sizeof(text), "%u of 5", left);
		ok(attempt(wrong()) == PROBLEM_FORBIDDEN && strstr(why.detail, text), "%s left", text);
		pass(NS_PER_S);
	}
	ok(attempt(wrong()) == PROBLEM_FORBIDDEN && strstr(why.detail, "burnt"), "the fifth burns it");
	ok(pairing_code() == NULL, "there is none to show");
	pass(300 * NS_PER_S);
	ok(attempt(right) == PROBLEM_TOO_MANY_REQUESTS && why.retry_after_s == 300, "the right one is of no use, and when to come back is told");
	pass(299 * NS_PER_S);
	ok(pairing_code() == NULL, "not yet");
	pass(NS_PER_S);
	ok(pairing_code() && strcmp(pairing_code(), right) != 0, "another one after ten minutes");
	ok_eq(attempt(right), PROBLEM_FORBIDDEN, "the old one is gone for good");
	pass(NS_PER_S);
	ok_eq(attempt(pairing_code()), PROBLEM_NONE, "the new one works");
	pairing_stats(&s);
	ok_eq(s.burnt, 1, "counted");
	ok_eq(pairing_try("", NULL), E_PERM, "nobody asks why");
}

int main(void)
{
	fake_init(16 * MIB, 1);
	fake_clock_set(NS_PER_S);
	event_init();
	pairing_init();
	test_forms();
	bad_form("");
	bad_form("-");
	bad_form("ABCD-EFG");
	bad_form("ABCD-EFGHJ");
	bad_form("ABCD-EFG!");
	bad_form("ABCD-EFG\xc3\xa9");
	test_throttle();
	test_burn();
	return tap_done();
}
