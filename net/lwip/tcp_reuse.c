/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that uses a port again while our end of the last connection is in TIME_WAIT: lwIP would answer its SYN with a reset or
 * an acknowledgement for two minutes. RFC 9293 3.6.1 (RFC 1122 4.2.2.13) lets a SYN reopen the connection when its sequence
 * number is beyond all that the last one used, and ours will be too. lwIP asks here before it looks at a segment. CPU 0. */
#include "lwip_impl.h"
#include <lwip/priv/tcp_priv.h>

/* While a SYN that reopens is given to lwIP again: the first number that our end has not used. */
static bool reopening;
static uint32_t unused_from;

/* tcp_input has taken the header apart; it starts over with it as it came. */
static bool segment_restore(struct pbuf *p, struct tcp_hdr *hdr, uint16_t header_len)
{
	if (pbuf_add_header(p, header_len))
		return false;
	hdr->src = lwip_htons(hdr->src);
	hdr->dest = lwip_htons(hdr->dest);
	hdr->seqno = lwip_htonl(hdr->seqno);
	hdr->ackno = lwip_htonl(hdr->ackno);
	hdr->wnd = lwip_htons(hdr->wnd);
	return true;
}

/* After true tcp_input touches neither the pcb nor its own variables, which the inner call has overwritten: it frees its reference
 * to p and returns. That call cannot come here, for the pcb is gone and ports and addresses match no other. */
bool net_tcp_reopen(struct tcp_pcb *pcb, struct tcp_hdr *hdr, uint16_t opt_len, uint16_t opt_first_len, struct pbuf *p)
{
	if ((TCPH_FLAGS(hdr) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN || !TCP_SEQ_GT(hdr->seqno, pcb->rcv_nxt))
		return false;
	if (pcb->callback_arg) /* a stream has not taken its last bytes yet */
		return false;
	unused_from = pcb->snd_nxt;
	tcp_pcb_remove(&tcp_tw_pcbs, pcb);
	tcp_free(pcb);
	/* Options in a second buffer have been cut off there: such a SYN is dropped, and its retransmission finds the listener. */
	if (opt_first_len != opt_len || !segment_restore(p, hdr, (uint16_t)(TCP_HLEN + opt_len)))
		return true;
	pbuf_ref(p);
	reopening = true;
	tcp_input(p, ip_current_input_netif());
	reopening = false;
	return true;
}

uint32_t net_tcp_isn(void)
{
	uint32_t v = net_rand32();

	return reopening ? unused_from + v / 4 : v;
}
