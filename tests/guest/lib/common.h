/* SPDX-License-Identifier: Apache-2.0 */
/* What every guest test has, on any architecture: TAP on the serial port, options of the command line, memory functions; and what the folder
 * of an architecture (x86_64/lib, aarch64/lib) provides for them. All of it runs in the guest and knows nothing of the monitor but what a
 * guest can see. */
#ifndef GUEST_COMMON_H
#define GUEST_COMMON_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- each test defines it; runs on CPU 0 with interrupts off. The plan and power-off follow. */
void guest_main(void);

/* ---- tap.c */
/* %s %c %d %u %x %llx %llu %%, zero padding and width */
void say(const char *f, ...) __attribute__((format(printf, 1, 2)));
bool ok(bool pass, const char *f, ...) __attribute__((format(printf, 2, 3)));
bool ok_eq(uint64_t got, uint64_t want, const char *f, ...) __attribute__((format(printf, 3, 4)));
void skip(const char *why, const char *name);
void note(const char *f, ...) __attribute__((format(printf, 1, 2)));
/* The end: the plan, and power-off. */
_Noreturn void finish(void);
/* Something without which nothing can go on. */
_Noreturn void bail(const char *f, ...) __attribute__((format(printf, 1, 2)));

/* ---- option.c */
extern const char *cmdline;
/* Copies what the loader gave; "" before. */
void option_init(const char *text);
/* key=value in the command line: its value up to the next blank in buf, or NULL. */
const char *option(const char *key, char *buf, size_t n);
uint64_t option_number(const char *key, uint64_t otherwise);

/* ---- string.c */
void *memset(void *d, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);
void *memmove(void *d, const void *s, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

/* ---- of the architecture: its serial port by polling, its power switch, its machine */
void serial_put(char c);
int serial_read(void); /* next typed byte, waits */
_Noreturn void power_off(void);
extern bool on_caisson;                  /* else a plain emulator, while a test is written */
extern char image_end[];
/* The first page behind the image: from here on memory is the test's. */
static inline uint64_t first_free(void) { return ((uint64_t)image_end + 4095) & ~4095ull; }
unsigned cpu_count(void);
/* Starts one CPU, which calls fn and then stops with interrupts off. Returns when it is in fn; false: it never came. */
bool cpu_start(unsigned index, void (*fn)(unsigned index));

#endif
