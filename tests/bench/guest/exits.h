/* SPDX-License-Identifier: Apache-2.0 */
/* What exits.c and the cases of an architecture (ARCH/cases.c) share. ROUNDS_ASM of ARCH/rounds.h is a loop of ROUNDS rounds around
 * the instructions of a case, with two numbers in registers. */
#ifndef BENCH_EXITS_H
#define BENCH_EXITS_H
#include "mark.h"
#include "rounds.h"
#include "lib/guest.h"

#define ROUNDS 200
#define BATCHES 12

enum {
#define CASE_NUMBER(name) CASE_##name,
	CASES(CASE_NUMBER)
};
#define BEGIN(name) MARK(MARK_CASES + 2 * CASE_##name)
#define END(name) MARK(MARK_CASES + 2 * CASE_##name + 1)

#define BATCHES_OF(name, body, first, second) \
	for (unsigned batch_ = 0; batch_ < BATCHES; batch_++) { \
		uint64_t began_ = bench_ticks(); \
		BEGIN(name); \
		ROUNDS_ASM(body, first, second, ROUNDS); \
		END(name); \
		say(#name " %llu\n", (unsigned long long)(bench_ticks() - began_)); \
	}

/* A register of a device, which is a virtio device's where there is one; where to write to notify one, and the port to do it by. */
extern uint64_t device, notify;
extern uint16_t notify_port;

/* ---- ARCH/cases.c */
uint64_t bench_ticks(void);
void case_instructions(void);
void case_devices(void);
/* Interrupts between vCPUs. */
void case_ipis(void);
/* Of the timer that a guest has for itself: fired counts its interrupts. */
extern volatile unsigned fired;
void timer_init(void);
void timer_arm(uint64_t ns);

#endif
