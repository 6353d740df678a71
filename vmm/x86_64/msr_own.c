/* SPDX-License-Identifier: Apache-2.0 */
/* The MSRs of a guest that are in the CPU while it runs. Constant. */
#include "msr_own.h"

const struct msr_own msrs_own[] = {
	{ 0x174, true }, { 0x175, false }, { 0x176, false },                                      /* SYSENTER_CS, ESP, EIP */
	{ 0xc0000081, true }, { 0xc0000082, false }, { 0xc0000083, false }, { 0xc0000084, true }, /* STAR, LSTAR, CSTAR, SFMASK */
	{ 0xc0000100, true }, { 0xc0000101, true }, { 0xc0000102, true },                         /* FS.base, GS.base, KernelGSbase */
};
const unsigned msrs_own_count = sizeof(msrs_own) / sizeof(msrs_own[0]);
