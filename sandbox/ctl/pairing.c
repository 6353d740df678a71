/* SPDX-License-Identifier: Apache-2.0 */
/* The one-time pairing code. 40 bits, one try a second, five tries: a guess succeeds once in 2^37. CPU 0. */
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/rng.h>
#include <sandbox/event.h>
#include <sandbox/pairing.h>
#include <sandbox/screen.h>
#include <string.h>

enum { DIGITS = 8 };
#define TRY_INTERVAL_NS NS_PER_S
#define BURNT_NS (600 * NS_PER_S)

/* Crockford's base 32: no I, L, O, U, so that a code reads aloud without mistakes. */
static const char alphabet[33] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static struct {
	char code[PAIRING_CODE_LEN + 1];
	unsigned tries_left;
	uint64_t next_try_ns, burnt_until_ns;
	struct timer renew;
	struct pairing_stats stats;
} pairing;

static void pairing_make_code(void)
{
	uint8_t r[DIGITS];

	rng_bytes(r, sizeof(r));
	for (unsigned i = 0; i < DIGITS; i++)
		pairing.code[i + (i >= DIGITS / 2)] = alphabet[r[i] & 31];
	pairing.code[DIGITS / 2] = '-';
	pairing.tries_left = PAIRING_TRIES;
	screen_touch();
}

static void pairing_renew(struct timer *t)
{
	(void)t;
	pairing_make_code();
	log_info("pairing", "a new pairing code is shown on the console");
}

void pairing_init(void)
{
	timer_init(&pairing.renew, pairing_renew);
	pairing_make_code();
}

const char *pairing_code(void)
{
	return pairing.tries_left ? pairing.code : NULL;
}

/* The digits of what was typed: upper case, look-alikes mapped, dashes and spaces dropped. False when it cannot be a code. */
static bool pairing_normalise(const char *typed, char out[DIGITS])
{
	unsigned n = 0;

	for (; *typed; typed++) {
		char ch = *typed;

		if (ch == '-' || ch == ' ')
			continue;
		if (ch >= 'a' && ch <= 'z')
			ch = (char)(ch - 'a' + 'A');
		ch = ch == 'O' ? '0' : ch == 'I' || ch == 'L' ? '1' : ch;
		if (n == DIGITS || !strchr(alphabet, ch))
			return false;
		out[n++] = ch;
	}
	return n == DIGITS;
}

/* Same time for every wrong code, so that the time tells nothing. */
static bool pairing_matches(const char *typed)
{
	char want[DIGITS], got[DIGITS] = {0};
	bool formed = pairing_normalise(typed, got);
	unsigned diff = formed ? 0 : 1;

	if (!pairing_normalise(pairing.code, want))
		return false;
	for (unsigned i = 0; i < DIGITS; i++)
		diff |= (unsigned)(want[i] ^ got[i]);
	return diff == 0;
}

static err_t pairing_wrong(uint64_t now, struct problem *p)
{
	pairing.stats.wrong++;
	pairing.next_try_ns = now + TRY_INTERVAL_NS;
	if (--pairing.tries_left)
		return problem_set(p, E_PERM, PROBLEM_FORBIDDEN, "wrong pairing code; %u of %u tries are left", pairing.tries_left, PAIRING_TRIES);
	pairing.stats.burnt++;
	pairing.burnt_until_ns = now + BURNT_NS;
	timer_set(&pairing.renew, pairing.burnt_until_ns);
	log_warn("pairing", "five wrong codes: the pairing code is burnt, a new one comes in 10 minutes");
	event_publish("pairing.burnt", "node", NULL, "five wrong codes");
	screen_touch();
	return problem_set(p, E_PERM, PROBLEM_FORBIDDEN, "wrong pairing code; it is now burnt, a new one is shown on the console in 10 minutes");
}

static err_t pairing_throttle(uint64_t until, uint64_t now, struct problem *p, const char *why)
{
	err_t e = problem_set(p, E_LIMIT, PROBLEM_TOO_MANY_REQUESTS, "%s", why);

	pairing.stats.throttled++;
	if (p)
		p->retry_after_s = (unsigned)((until - now + NS_PER_S - 1) / NS_PER_S);
	return e;
}

err_t pairing_try(const char *code, struct problem *p)
{
	uint64_t now = hal_clock_ns();

	if (!pairing.tries_left)
		return pairing_throttle(pairing.burnt_until_ns, now, p, "the pairing code was burnt by five wrong tries");
	if (now < pairing.next_try_ns)
		return pairing_throttle(pairing.next_try_ns, now, p, "one try per second");
	if (!pairing_matches(code))
		return pairing_wrong(now, p);
	pairing.stats.paired++;
	pairing_make_code();
	return OK;
}

void pairing_stats(struct pairing_stats *out) { *out = pairing.stats; }
