/* SPDX-License-Identifier: Apache-2.0 */
/* Exits as tables of C: what record_vmx.c and record_svm.c share. Linked into an image of its own, $(O)/recorder.efi: the shipped objects, with
 * these around the decoders (ld's --wrap). What they log is read by tests/system/record_exits.py. Any CPU, around a run. */
#ifndef TESTS_SYSTEM_RECORDER_H
#define TESTS_SYSTEM_RECORDER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vmm/hv.h>

/* One line of initialisers. */
struct record_line { char text[220]; size_t len; };

/* Was there none with this key yet? */
bool record_first(uint64_t key);
/* ".name = value, ", unless it is 0, which C leaves out. */
void record_field(struct record_line *l, const char *name, uint64_t value);
/* ".name = word, " */
void record_name(struct record_line *l, const char *name, const char *word);
/* Of REG_GPRS registers those that decoders read, by their names behind prefix. */
void record_registers(struct record_line *l, const char *prefix, const uint64_t *gpr);
/* The part of struct hv_exit that a decoder fills in. */
void record_exit(struct record_line *l, const struct hv_exit *e);
/* backend: "vmx" or "svm". in, out, decoded: what went in, and what came out. */
void record_log(const char *backend, const struct record_line *in, const struct record_line *out, const struct record_line *decoded);

#endif
