/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to whoever is above: arguments and result are where the SMC calling convention has them as well (DEN0028 3.1: x0 to x3; x4 to x17 may
 * change, which a C call allows too). */
	.text
	.globl psci_smc, psci_hvc
	.type psci_smc, %function
	.type psci_hvc, %function
psci_smc:
	smc #0
	ret
	.size psci_smc, . - psci_smc
psci_hvc:
	hvc #0
	ret
	.size psci_hvc, . - psci_hvc
	.section .note.GNU-stack, "", %progbits
