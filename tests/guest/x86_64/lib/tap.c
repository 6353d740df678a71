/* SPDX-License-Identifier: Apache-2.0 */
/* TAP on COM1, from CPU 0 of a guest test, and the end of it. One check is one line; the plan comes last. Knows no interrupt:
 * the port is polled. */
#include "guest.h"

enum { COM1 = 0x3f8, COM1_LSR = 0x3fd, LSR_DATA = 1, LSR_EMPTY = 0x20, PM1_CONTROL = 0x604, SLP_S5 = 0x3400, SLP_S5_Q35 = 0x2000 };

static unsigned count, failed;

static void put(char c)
{
	while (!(inb(COM1_LSR) & LSR_EMPTY))
		pause();
	outb(COM1, (uint8_t)c);
}

int serial_read(void)
{
	while (!(inb(COM1_LSR) & LSR_DATA))
		pause();
	return inb(COM1);
}

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
		put(digits[--n]);
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
			put(*s);
		break;
	case 'c': put((char)va_arg(*ap, int)); break;
	case 'd':
		d = longs ? va_arg(*ap, int64_t) : va_arg(*ap, int);
		put_number(d < 0 ? -(uint64_t)d : (uint64_t)d, 10, width, pad, d < 0);
		break;
	case 'u': put_number(longs ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned), 10, width, pad, false); break;
	case 'x': put_number(longs ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned), 16, width, pad, false); break;
	default: put(*f); break;
	}
	return f + 1;
}

static void vsay(const char *f, va_list *ap)
{
	while (*f) {
		if (*f == '%')
			f = convert(f + 1, ap);
		else
			put(*f++);
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

_Noreturn void power_off(void)
{
	irq_off();
	outw(PM1_CONTROL, SLP_S5);
	outw(PM1_CONTROL, SLP_S5_Q35); /* where a plain emulator has S5 */
	for (;;)
		__asm__ volatile("cli; hlt");
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
