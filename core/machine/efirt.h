/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI runtime services in physical mode (UEFI 2.10 chapter 8): our own declaration of the table, since core sees no
 * UEFI headers, and the bracket around each call. Within core/machine and core/<arch> only. */
#ifndef CORE_MACHINE_EFIRT_H
#define CORE_MACHINE_EFIRT_H
#include <core/arch.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EFIAPI ARCH_EFIAPI
#define EFI_ERROR_BIT (1ull << 63)
#define EFI_UNSUPPORTED_ (EFI_ERROR_BIT | 3)
#define EFI_BUFFER_TOO_SMALL_ (EFI_ERROR_BIT | 5)
#define EFI_OUT_OF_RESOURCES_ (EFI_ERROR_BIT | 9)
#define EFI_NOT_FOUND_ (EFI_ERROR_BIT | 14)
#define EFI_INVALID_PARAMETER_ (EFI_ERROR_BIT | 2)

struct efi_guid { uint32_t a; uint16_t b, c; uint8_t d[8]; };

enum efi_reset { EFI_RESET_COLD, EFI_RESET_WARM, EFI_RESET_SHUTDOWN };

struct efi_runtime {
	uint64_t signature;
	uint32_t revision, header_size, crc32, reserved;
	void *get_time, *set_time, *get_wakeup, *set_wakeup, *set_map, *convert;
	uint64_t (EFIAPI *get_variable)(const uint16_t *name, const struct efi_guid *vendor, uint32_t *attributes,
					uint64_t *size, void *data);
	void *get_next_name;
	uint64_t (EFIAPI *set_variable)(const uint16_t *name, const struct efi_guid *vendor, uint32_t attributes,
					uint64_t size, const void *data);
	void *get_high_count;
	void (EFIAPI *reset)(enum efi_reset type, uint64_t status, uint64_t size, const void *data);
};
_Static_assert(offsetof(struct efi_runtime, get_variable) == 72, "UEFI 2.10 4.5.1");
_Static_assert(offsetof(struct efi_runtime, reset) == 104, "UEFI 2.10 4.5.1");

/* Loads the view in which runtime services can run and gives their table; NULL when the firmware has none (then
 * nothing was changed). No stack switch; interrupts stay off. Pair with efirt_leave on the same CPU. */
struct efirt_state { uint64_t view, fp; }; /* the architecture's own: what to load again */
const struct efi_runtime *efirt_enter(struct efirt_state *s);
void efirt_leave(const struct efirt_state *s);
/* Resets or switches off by the firmware; returns when it did not. Any CPU that is about to stop for good. */
void efirt_reset(enum efi_reset type);

/* ---- implemented by the architecture: the view, and the control words of the FPU that the firmware's calling convention wants (UEFI 2.10
 * 2.3.4.2, 2.3.6.2). open: false before there are tables of our own. */
bool efirt_arch_open(struct efirt_state *s);
void efirt_arch_close(const struct efirt_state *s);

#endif
