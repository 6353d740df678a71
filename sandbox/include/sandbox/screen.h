/* SPDX-License-Identifier: Apache-2.0 */
/* The local screen on framebuffer and serial: what the node is and does, redrawn once a second and on events. CPU 0. */
#ifndef SANDBOX_SCREEN_H
#define SANDBOX_SCREEN_H
#include <core/err.h>

/* Starts the screen; on serial it asks whether the terminal answers (cursor position report) and else prints plain log lines. */
void screen_start(void);
/* Something to show has changed: redraw soon. */
void screen_touch(void);

#endif
