/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and legacy descriptors of Intel's 8254x and 82574 gigabit Ethernet controllers, by the names and sections of the
 * 8254x software developer's manual (SDM, 317453) and the 82574 data sheet (DS, 317694). No code. */
#ifndef CORE_DRV_E1000_REGS_H
#define CORE_DRV_E1000_REGS_H

enum { /* SDM 13.4 */
	REG_CTRL = 0x0000, REG_STATUS = 0x0008, REG_EERD = 0x0014, REG_ICR = 0x00c0, REG_ITR = 0x00c4, REG_IMS = 0x00d0,
	REG_IMC = 0x00d8, REG_RCTL = 0x0100, REG_TCTL = 0x0400, REG_TIPG = 0x0410, REG_RDBAL = 0x2800, REG_RDBAH = 0x2804,
	REG_RDLEN = 0x2808, REG_RDH = 0x2810, REG_RDT = 0x2818, REG_RDTR = 0x2820, REG_RADV = 0x282c, REG_TDBAL = 0x3800,
	REG_TDBAH = 0x3804, REG_TDLEN = 0x3808, REG_TDH = 0x3810, REG_TDT = 0x3818, REG_TXDCTL = 0x3828, REG_RFCTL = 0x5008,
	REG_MTA = 0x5200, REG_RAL0 = 0x5400, REG_RAH0 = 0x5404, REG_BYTES_USED = 0x5408,
};
#define CTRL_ASDE (1u << 5)
#define CTRL_SLU (1u << 6)
#define CTRL_ILOS (1u << 7)
#define CTRL_RST (1u << 26)
#define CTRL_VME (1u << 30)
#define CTRL_PHY_RST (1u << 31)
#define CTRL_LRST (1u << 3)
#define STATUS_LU (1u << 1)
#define EERD_START 1u
#define ICR_LSC (1u << 2)
#define ICR_RXDMT0 (1u << 4)
#define ICR_RXO (1u << 6)
#define ICR_RXT0 (1u << 7)
#define RCTL_EN (1u << 1)
#define RCTL_BAM (1u << 15)
#define RCTL_SECRC (1u << 26) /* BSIZE 00, BSEX 0: 2048-byte buffers */
#define TCTL_EN (1u << 1)
#define TCTL_PSP (1u << 3)
#define TCTL_CT (0x0fu << 4)
#define TCTL_COLD (0x40u << 12)
#define TCTL_MULR (1u << 28)
#define TIPG_COPPER 0x00602006u /* SDM 13.4.34: 6, 8, 6 */
#define TXDCTL_82574 ((1u << 24) | (1u << 22)) /* DS 10.2.6.11: granularity in descriptors, bit 22 must be set */
#define RAH_AV (1u << 31)

/* Legacy descriptors, 16 bytes (SDM 3.2.3, 3.3.3). */
enum { DESC_BYTES = 16, DESC_ADDR = 0, RXD_LENGTH = 8, RXD_STATUS = 12, RXD_ERRORS = 13, TXD_LENGTH = 8, TXD_CMD = 11,
       TXD_STATUS = 12 };
enum { RXD_DD = 1, RXD_EOP = 2, TXD_CMD_EOP = 1, TXD_CMD_IFCS = 2, TXD_CMD_RS = 8, TXD_DD = 1 };
/* Errors that spoil a frame: CE, SE, SEQ, CXE, RXE (SDM 3.2.3.3); TCPE and IPE are the stack's own business. */
#define RXD_ERRORS_BAD 0x97u

#endif
