/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded printf-style formatting for code that may not use stdio: a const-format parser and a sink
 * that counts what it cannot store. Pure: any CPU, any context including panic; no locale, no
 * allocation. An unknown conversion is printed as it stands, so that the mistake can be seen. */
#include <core/fmt.h>
#include <stdbool.h>

struct fmt_out { char *dst; size_t size, len; };

struct fmt_spec {
	bool left, zero, plus, space, alt;
	int width;     /* 0: none */
	int precision; /* -1: none */
	int length;    /* size of the integer argument in bytes */
};

static void out_char(struct fmt_out *o, char c)
{
	if (o->len + 1 < o->size)
		o->dst[o->len] = c;
	o->len++;
}

static void out_pad(struct fmt_out *o, char c, long n)
{
	while (n-- > 0)
		out_char(o, c);
}

static void out_text(struct fmt_out *o, const struct fmt_spec *s, const char *text, size_t n)
{
	long pad = s->width - (long)n;

	if (!s->left)
		out_pad(o, ' ', pad);
	for (size_t i = 0; i < n; i++)
		out_char(o, text[i]);
	if (s->left)
		out_pad(o, ' ', pad);
}

static void out_string(struct fmt_out *o, const struct fmt_spec *s, const char *text)
{
	size_t n = 0;

	if (!text)
		text = "(null)";
	/* With a precision the string need not be terminated: never look beyond it. */
	while ((s->precision < 0 || n < (size_t)s->precision) && text[n])
		n++;
	out_text(o, s, text, n);
}

/* Digits of v, least significant first; an explicit precision of 0 prints nothing for 0 (C11 7.21.6.1). */
static int digits_reverse(char *buf, uint64_t v, unsigned base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int n = 0;

	while (v) {
		buf[n++] = set[v % base];
		v /= base;
	}
	return n;
}

static void out_number(struct fmt_out *o, const struct fmt_spec *s, uint64_t v, unsigned base, bool upper,
		       const char *prefix)
{
	char digits[24];
	int n = digits_reverse(digits, v, base, upper), zeros, plen = 0;
	long pad;

	while (prefix[plen])
		plen++;
	zeros = (s->precision < 0 ? 1 : s->precision) - n;
	if (zeros < 0)
		zeros = 0;
	pad = (long)s->width - plen - zeros - n;
	if (s->zero && !s->left && s->precision < 0 && pad > 0) {
		zeros += (int)pad;
		pad = 0;
	}
	if (!s->left)
		out_pad(o, ' ', pad);
	for (int i = 0; i < plen; i++)
		out_char(o, prefix[i]);
	out_pad(o, '0', zeros);
	while (n > 0)
		out_char(o, digits[--n]);
	if (s->left)
		out_pad(o, ' ', pad);
}

static void out_signed(struct fmt_out *o, const struct fmt_spec *s, int64_t v)
{
	uint64_t mag = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	out_number(o, s, mag, 10, false, v < 0 ? "-" : s->plus ? "+" : s->space ? " " : "");
}

static const char *parse_flags(const char *f, struct fmt_spec *s)
{
	for (;; f++) {
		switch (*f) {
		case '-': s->left = true; break;
		case '0': s->zero = true; break;
		case '+': s->plus = true; break;
		case ' ': s->space = true; break;
		case '#': s->alt = true; break;
		default: return f;
		}
	}
}

#define FMT_FIELD_MAX 4096 /* a wider field is a mistake; bounds the padding loops */

static const char *parse_int(const char *f, int *out)
{
	int v = 0;

	while (*f >= '0' && *f <= '9') {
		v = v * 10 + (*f++ - '0');
		if (v > FMT_FIELD_MAX)
			v = FMT_FIELD_MAX;
	}
	*out = v;
	return f;
}

static const char *parse_length(const char *f, struct fmt_spec *s)
{
	s->length = sizeof(int);
	switch (*f) {
	case 'h':
		s->length = f[1] == 'h' ? 1 : 2;
		return f + (f[1] == 'h' ? 2 : 1);
	case 'l':
		s->length = f[1] == 'l' ? sizeof(long long) : sizeof(long);
		return f + (f[1] == 'l' ? 2 : 1);
	case 'z': case 't': case 'j':
		s->length = sizeof(size_t);
		return f + 1;
	default:
		return f;
	}
}

static int clamp_field(int v)
{
	return v > FMT_FIELD_MAX ? FMT_FIELD_MAX : v;
}

struct fmt_args { va_list ap; }; /* so that a va_list can be passed by address portably */

static const char *parse_spec(const char *f, struct fmt_spec *s, struct fmt_args *a)
{
	f = parse_flags(f, s);
	if (*f == '*') {
		int w = va_arg(a->ap, int);

		s->left = s->left || w < 0;
		s->width = clamp_field(w >= 0 ? w : w < -FMT_FIELD_MAX ? FMT_FIELD_MAX : -w);
		f++;
	} else {
		f = parse_int(f, &s->width);
	}
	s->precision = -1;
	if (*f == '.') {
		f++;
		if (*f == '*') {
			int p = va_arg(a->ap, int);

			s->precision = p < 0 ? -1 : p;
			f++;
		} else {
			f = parse_int(f, &s->precision);
		}
	}
	return parse_length(f, s);
}

static int64_t arg_signed(const struct fmt_spec *s, struct fmt_args *a)
{
	switch (s->length) {
	case 1: return (signed char)va_arg(a->ap, int);
	case 2: return (short)va_arg(a->ap, int);
	case 8: return va_arg(a->ap, int64_t);
	default: return va_arg(a->ap, int);
	}
}

static uint64_t arg_unsigned(const struct fmt_spec *s, struct fmt_args *a)
{
	switch (s->length) {
	case 1: return (unsigned char)va_arg(a->ap, unsigned);
	case 2: return (unsigned short)va_arg(a->ap, unsigned);
	case 8: return va_arg(a->ap, uint64_t);
	default: return va_arg(a->ap, unsigned);
	}
}

static void out_hex(struct fmt_out *o, struct fmt_spec *s, uint64_t v, bool upper)
{
	if (s->precision >= 0)
		s->precision = clamp_field(s->precision);
	out_number(o, s, v, 16, upper, s->alt && v ? (upper ? "0X" : "0x") : "");
}

static void out_integer(struct fmt_out *o, struct fmt_spec *s, char conv, struct fmt_args *a)
{
	if (s->precision >= 0)
		s->precision = clamp_field(s->precision);
	if (conv == 'u')
		out_number(o, s, arg_unsigned(s, a), 10, false, "");
	else
		out_signed(o, s, arg_signed(s, a));
}

/* One conversion; returns the first character after it. start points at the '%'. */
static const char *out_conversion(struct fmt_out *o, const char *start, struct fmt_args *a)
{
	struct fmt_spec s = {0};
	const char *f = parse_spec(start + 1, &s, a);
	char c;

	switch (*f) {
	case '%': out_char(o, '%'); break;
	case 'c':
		c = (char)va_arg(a->ap, int);
		out_text(o, &s, &c, 1);
		break;
	case 's': out_string(o, &s, va_arg(a->ap, const char *)); break;
	case 'd': case 'i': case 'u': out_integer(o, &s, *f, a); break;
	case 'x': case 'X': out_hex(o, &s, arg_unsigned(&s, a), *f == 'X'); break;
	case 'p': out_number(o, &s, (uintptr_t)va_arg(a->ap, void *), 16, false, "0x"); break;
	default:
		while (start < f)
			out_char(o, *start++);
		return f; /* also when the format ends in the middle of a conversion */
	}
	return f + 1;
}

size_t fmt_vbuf(char *dst, size_t size, const char *f, va_list ap)
{
	struct fmt_out o = { dst, size, 0 };
	struct fmt_args a;

	va_copy(a.ap, ap);
	while (*f) {
		if (*f == '%')
			f = out_conversion(&o, f, &a);
		else
			out_char(&o, *f++);
	}
	va_end(a.ap);
	if (size)
		dst[o.len < size ? o.len : size - 1] = '\0';
	return o.len;
}

size_t fmt_buf(char *dst, size_t size, const char *f, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, f);
	n = fmt_vbuf(dst, size, f, ap);
	va_end(ap);
	return n;
}
