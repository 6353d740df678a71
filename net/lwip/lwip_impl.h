/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of net/lwip share. CPU 0. lwIP is entered on the loop and in tasks, never in two places at once: nothing
 * yields inside it. Both error types are int; lwIP's values (ERR_*) stay inside these files. */
#ifndef NET_LWIP_IMPL_H
#define NET_LWIP_IMPL_H
#include <lwip/ip_addr.h>
#include <stdbool.h>
#include <stdint.h>

/* To be called whenever lwIP has been entered: it may have set an earlier timeout. */
void net_timers_rearm(void);
void net_timers_init(void);
/* net.c: SNTP has set the clock for the first time, or by more than a minute; told like a change of address. */
void net_clock_changed(void);

/* tcp_stream.c: the end of all connections, before reset. */
void tcp_stream_close_all(void);
/* Has every peer acknowledged what was sent, ends included? Of connections without a stream too. */
bool tcp_stream_all_acknowledged(void);
#endif
