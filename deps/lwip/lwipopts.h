/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP 2.2.1 without an operating system: IPv4, IPv6, DHCP, DNS, SNTP, TCP for the management plane on CPU 0.
 * Objects come from fixed pools, so that a peer cannot grow them without bound; packet bytes come from malloc. */
#ifndef CAISSON_LWIPOPTS_H
#define CAISSON_LWIPOPTS_H

/* ---- how it runs: raw API on one CPU, cooperative, nothing to lock */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0

/* ---- protocols */
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_ETHERNET 1
#define LWIP_ARP 1
#define LWIP_ICMP 1
#define LWIP_ICMP6 1
#define LWIP_RAW 0
#define LWIP_UDP 1
#define LWIP_TCP 1
#define LWIP_IGMP 1
#define LWIP_DHCP 1
#define LWIP_ACD 1
#define LWIP_DHCP_DOES_ACD_CHECK 0 /* saves seconds of every boot; DHCP servers check on their side */
#define LWIP_DHCP_GET_NTP_SRV 1
#define LWIP_DHCP_MAX_NTP_SERVERS 2
#define LWIP_AUTOIP 0
#define LWIP_DNS 1
#define DNS_MAX_SERVERS 4
#define LWIP_IPV6_AUTOCONFIG 1
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 1
#define LWIP_IPV6_DHCP6 1
#define LWIP_IPV6_DHCP6_STATELESS 1
#define LWIP_IPV6_MLD 1
#define LWIP_IPV6_NUM_ADDRESSES 6
#define IPV6_FRAG_COPYHEADER 1 /* needed with 64-bit pointers */
#define LWIP_ND6_NUM_NEIGHBORS 64
#define LWIP_ND6_NUM_DESTINATIONS 64
#define LWIP_ND6_NUM_PREFIXES 8
#define LWIP_ND6_NUM_ROUTERS 4
#define ARP_TABLE_SIZE 64
#define ETH_PAD_SIZE 0

#define SNTP_SERVER_DNS 1
#define SNTP_MAX_SERVERS 4
#define SNTP_GET_SERVERS_FROM_DHCP 1
#define SNTP_UPDATE_DELAY 3600000
#define SNTP_SET_SYSTEM_TIME_US(sec, us) net_sntp_set_time((uint32_t)(sec), (uint32_t)(us))
/* An answer must come from the server asked and repeat our transmit timestamp, which is random: nobody off the path can set the clock. */
#define SNTP_CHECK_RESPONSE 2
#define SNTP_GET_SYSTEM_TIME(sec, us) do { (sec) = net_rand32(); (us) = net_rand32() % 1000000; } while (0)

/* ---- interfaces */
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_LINK_CALLBACK 1
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1
#define LWIP_NETIF_TX_SINGLE_PBUF 0
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHKSUM_ALGORITHM 3
#define LWIP_NUM_NETIF_CLIENT_DATA 2

/* ---- memory: pools for objects (they are the limits), malloc for bytes */
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 0
#define MEM_ALIGNMENT 16
#define MEMP_NUM_PBUF 1024
#define PBUF_POOL_SIZE 16 /* received frames are copied into memory of their own size, not into these */
#define PBUF_POOL_BUFSIZE 1600
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* they compare TCP_WND with that pool, which a receive window here does not use */
#define MEMP_NUM_UDP_PCB 16
#define MEMP_NUM_TCP_PCB 208 /* 128 connections, 64 half open (the backlog), and some that end, which lwIP recycles */
#define MEMP_NUM_TCP_PCB_LISTEN 8
/* What 128 peers that neither read nor fill their gaps can hold: 128 x (TCP_SND_BUF / TCP_MSS + TCP_OOSEQ_MAX_PBUFS), so that the
 * last segment is never taken from somebody else. */
#define MEMP_NUM_TCP_SEG 9216
#define MEMP_NUM_ARP_QUEUE 64
#define MEMP_NUM_ND6_QUEUE 64
#define MEMP_NUM_REASSDATA 8
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 8)
#define IP_REASS_MAX_PBUFS 32

/* ---- TCP: windows that fill a gigabit at a millisecond, without letting 128 idle peers hold the memory */
#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 2
#define TCP_WND (128 * 1024)
#define TCP_SND_BUF (64 * 1024)
#define TCP_SND_QUEUELEN 128
#define TCP_SNDLOWAT (16 * 1024)
#define TCP_SNDQUEUELOWAT (TCP_SND_QUEUELEN / 2)
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_BYTES (32 * 1024)
#define TCP_OOSEQ_MAX_PBUFS 24 /* each frame is an allocation, however few bytes it holds */
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 1
#define LWIP_TCP_KEEPALIVE 1
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 64
#define TCP_OVERSIZE TCP_MSS
#define SO_REUSE 1

/* ---- counters */
#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define LWIP_STATS_DISPLAY 0

#endif
