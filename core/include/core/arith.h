/* SPDX-License-Identifier: Apache-2.0 */
/* Checked arithmetic and bit helpers for values that come from outside. Pure. */
#ifndef CORE_ARITH_H
#define CORE_ARITH_H
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each returns true and stores the result unless it overflows; then false, *r undefined. */
#define add_ok(a, b, r) (!__builtin_add_overflow((a), (b), (r)))
#define sub_ok(a, b, r) (!__builtin_sub_overflow((a), (b), (r)))
#define mul_ok(a, b, r) (!__builtin_mul_overflow((a), (b), (r)))

/* range_within: does [off, off+len) lie in [0, size)? Empty ranges at off <= size do. */
static inline bool range_within(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

/* Alignment must be a power of two; align_up may wrap to a value below v: check it. */
static inline uint64_t align_down(uint64_t v, uint64_t align) { return v & ~(align - 1); }
static inline uint64_t align_up(uint64_t v, uint64_t align) { return (v + align - 1) & ~(align - 1); }
static inline bool is_aligned(uint64_t v, uint64_t align) { return (v & (align - 1)) == 0; }
static inline bool is_pow2(uint64_t v) { return v && (v & (v - 1)) == 0; }

/* A variable that is large, written before it is read, and on a path where the compiler's zeroing of it shows. */
#define UNINIT __attribute__((uninitialized))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))

#define KIB 1024ull
#define MIB (1024ull * KIB)
#define GIB (1024ull * MIB)
#undef PAGE_SIZE /* the C library's limits.h may have one, an int */
#define PAGE_SIZE 4096ull
#define PAGE_SHIFT 12

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

/* Little-endian loads and stores for bytes from outside; no alignment needed. */
static inline uint16_t get_le16(const void *p) { uint16_t v; __builtin_memcpy(&v, p, 2); return v; }
static inline uint32_t get_le32(const void *p) { uint32_t v; __builtin_memcpy(&v, p, 4); return v; }
static inline uint64_t get_le64(const void *p) { uint64_t v; __builtin_memcpy(&v, p, 8); return v; }
static inline void put_le16(void *p, uint16_t v) { __builtin_memcpy(p, &v, 2); }
static inline void put_le32(void *p, uint32_t v) { __builtin_memcpy(p, &v, 4); }
static inline void put_le64(void *p, uint64_t v) { __builtin_memcpy(p, &v, 8); }

/* An index that has been found to be less than n (at most 2^63), and 0 where the CPU only guesses so: what is read by it cannot lead anywhere
 * else (Spectre, bounds check bypass: Intel's "Analyzing potential bounds check bypass vulnerabilities", AMD's "Managing speculation"). */
static inline uint64_t index_clamp(uint64_t i, uint64_t n)
{
	__asm__("" : "+r"(i)); /* the compiler knows the result, too */
	return i & (uint64_t)((int64_t)~(i | (n - 1 - i)) >> 63);
}

#endif
