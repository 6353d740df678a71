/* SPDX-License-Identifier: Apache-2.0 */
/* TAP on the serial port, from CPU 0 of a guest test, and the end of it. One check is one line; the plan comes last. Knows no interrupt
 * and no architecture. */
#include "common.h"

static unsigned count, failed;

static void put_number(uint64_t v, unsigned base, unsigned width, char pad, bool negative)
{
	char digits[24];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[v % base];
	while ((v /= base) != 0);
	if (negative)
		digits[n++] = '-';
	while (n < width && n < sizeof(digits))
		digits[n++] = pad;
	while (n)
		serial_put(digits[--n]);
}

/* One conversion behind '%'; returns the character after it. */
static const char *convert(const char *f, va_list *ap)
{
	unsigned width = 0, longs = 0;
	char pad = ' ';
	int64_t d;

	if (*f == '0')
		pad = *f++;
	while (*f >= '0' && *f <= '9')
		width = width * 10 + (unsigned)(*f++ - '0');
	while (*f == 'l' || *f == 'z') {
		longs++;
		f++;
	}
	switch (*f) {
	case 's':
		for (const char *s = va_arg(*ap, const char *); *s; s++)
			serial_put(*s);
		break;
	case 'c': serial_put((char)va_arg(*ap, int)); break;
	case 'd':
		d = longs ? va_arg(*ap, int64_t) : va_arg(*ap, int);
		put_number(d < 0 ? -(uint64_t)d : (uint64_t)d, 10, width, pad, d < 0);
		break;
	case 'u': put_number(longs ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned), 10, width, pad, false); break;
	case 'x': put_number(longs ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned), 16, width, pad, false); break;
	default: serial_put(*f); break;
	}
	return f + 1;
}

static void vsay(const char *f, va_list *ap)
{
	while (*f) {
		if (*f == '%')
			f = convert(f + 1, ap);
		else
			serial_put(*f++);
	}
}

void say(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	vsay(f, &ap);
	va_end(ap);
}

void note(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	say("# ");
	vsay(f, &ap);
	say("\n");
	va_end(ap);
}

static void result(bool pass, const char *f, va_list *ap)
{
	count++;
	failed += !pass;
	say("%s %u - ", pass ? "ok" : "not ok", count);
	vsay(f, ap);
	say("\n");
}

bool ok(bool pass, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	result(pass, f, &ap);
	va_end(ap);
	return pass;
}

bool ok_eq(uint64_t got, uint64_t want, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	result(got == want, f, &ap);
	va_end(ap);
	if (got != want)
		note("got 0x%llx, expected 0x%llx", (unsigned long long)got, (unsigned long long)want);
	return got == want;
}

void skip(const char *why, const char *name)
{
	count++;
	say("ok %u - %s # SKIP %s\n", count, name, why);
}

_Noreturn void finish(void)
{
	say("1..%u\n", count);
	power_off();
}

_Noreturn void bail(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	say("Bail out! ");
	vsay(f, &ap);
	say("\n");
	power_off();
}
