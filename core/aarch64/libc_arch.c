/* SPDX-License-Identifier: Apache-2.0 */
/* What musl and the libraries learn of the CPU. The thread pointer is TPIDR_EL0, set by musl itself on CPU 0; elsewhere it is what the last
 * guest left, and stateful libc panics there. */
#include "../libc/libc_impl.h"
#include "sysreg.h"

/* AT_HWCAP as Linux numbers it (arch/arm64 uapi hwcap.h). */
#define HWCAP_FP (1ul << 0)
#define HWCAP_ASIMD (1ul << 1)
#define HWCAP_AES (1ul << 3)
#define HWCAP_PMULL (1ul << 4)
#define HWCAP_SHA1 (1ul << 5)
#define HWCAP_SHA2 (1ul << 6)
#define HWCAP_SHA512 (1ul << 21)

unsigned long libc_hwcap(void)
{
	uint64_t isar0 = SYSREG_READ("ID_AA64ISAR0_EL1");
	unsigned aes = isar0 >> 4 & 0xf, sha1 = isar0 >> 8 & 0xf, sha2 = isar0 >> 12 & 0xf;

	return HWCAP_FP | HWCAP_ASIMD | (aes >= 1 ? HWCAP_AES : 0) | (aes >= 2 ? HWCAP_PMULL : 0) | (sha1 ? HWCAP_SHA1 : 0) |
	       (sha2 >= 1 ? HWCAP_SHA2 : 0) | (sha2 >= 2 ? HWCAP_SHA512 : 0);
}
