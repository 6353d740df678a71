/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP's compiler and platform header: what lwIP calls outside of itself. All of it runs on CPU 0, on the loop or in a task;
 * lwIP is never entered from two places at once. net/lwip implements the functions declared here, and sys_now(). */
#ifndef CAISSON_LWIP_CC_H
#define CAISSON_LWIP_CC_H
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_ERRNO_STDINCLUDE 1

/* The same type as core/err.h's err_t, so that both typedefs may meet in one file. Values differ: never mix them. */
#define LWIP_ERR_T int

/* A random number that a peer cannot guess: ports, transaction ids. */
uint32_t net_rand32(void);
#define LWIP_RAND() net_rand32()

/* An initial sequence number: as random, and for a connection that is reopened beyond those of the last one. */
uint32_t net_tcp_isn(void);
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) net_tcp_isn()

/* A segment for pcb in TIME_WAIT. True: it was a SYN that reopens the connection; pcb is freed, the SYN went to the listener or is
 * dropped, and only the caller's reference to p is left. hdr in host order; opt_first_len of opt_len bytes of options follow it. */
struct tcp_pcb;
struct tcp_hdr;
struct pbuf;
bool net_tcp_reopen(struct tcp_pcb *pcb, struct tcp_hdr *hdr, uint16_t opt_len, uint16_t opt_first_len, struct pbuf *p);
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, opt_len, opt_first_len, opt2, p) \
	((pcb)->state == TIME_WAIT && net_tcp_reopen(pcb, hdr, opt_len, opt_first_len, p) ? ERR_ABRT : ERR_OK)

/* Debug and diagnostic text, printf-like. */
void net_lwip_diag(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define LWIP_PLATFORM_DIAG(x) do { net_lwip_diag x; } while (0)

/* lwIP found one of its own invariants broken. */
_Noreturn void net_lwip_assert(const char *message, const char *file, int line);
#define LWIP_PLATFORM_ASSERT(x) net_lwip_assert(x, __FILE__, __LINE__)

/* UTC from SNTP: seconds since 1970 and microseconds. */
void net_sntp_set_time(uint32_t sec, uint32_t us);

#endif
