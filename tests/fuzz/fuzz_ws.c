/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: WebSocket frames. Decodes the input twice, whole and cut by its first byte; both must see the same
 * events, and no message may pass its limit. */
#include "../../net/http/ws.h"
#include <stdlib.h>
#include <string.h>

#define MAX 512

static void expect(bool holds)
{
	if (!holds)
		abort();
}

/* A digest of the events. */
static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	const uint8_t *s = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ s[i]) * 0x100000001b3ull;
	return h;
}

static uint64_t run(const uint8_t *data, size_t n, size_t step)
{
	struct ws_decoder d;
	uint8_t *message = malloc(MAX); /* exact: what is written beyond is seen */
	uint64_t h = 0xcbf29ce484222325ull;
	size_t at = 0;
	bool more = true;

	ws_decoder_init(&d);
	while (more) {
		size_t used, take = step < n - at ? step : n - at;
		enum ws_event ev = ws_decode(&d, data + at, take, &used, message, MAX, MAX);

		expect(used <= take && d.message_len <= MAX && d.control_len <= WS_CONTROL_MAX);
		at += used;
		h = ev == WS_EV_MORE ? h : mix(h, &ev, sizeof ev);
		switch (ev) {
		case WS_EV_MORE:
			expect(used == take);
			more = at < n;
			break;
		case WS_EV_MESSAGE:
			expect(d.message_type == WS_OP_BINARY || utf8_valid(message, d.message_len));
			h = mix(h, message, d.message_len);
			ws_decoder_next(&d);
			break;
		case WS_EV_PING:
		case WS_EV_PONG: h = mix(h, d.control, d.control_len); break;
		case WS_EV_CLOSE: expect(d.code == WS_CODE_NONE || ws_code_valid(d.code)); more = false; break;
		case WS_EV_ERROR: expect(ws_code_valid(d.code)); more = false; break;
		}
	}
	free(message);
	return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 2)
		return 0;
	expect(run(data + 1, n - 1, data[0] + 1u) == run(data + 1, n - 1, n));
	return 0;
}
