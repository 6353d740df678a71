/* SPDX-License-Identifier: Apache-2.0 */
/* The local screen on framebuffer and serial: what the node is and does, redrawn once a second and on events. CPU 0. */
#ifndef SANDBOX_SCREEN_H
#define SANDBOX_SCREEN_H
#include <core/log.h>

/* The log on the serial port: added by efi/main.c as the first thing, so that the boot is seen from its first line. It goes silent
 * while a terminal shows the screen. */
extern const struct log_sink screen_serial_sink;
/* After event_init, pairing_init and vm_ctl_init. Starts the screen; on serial it asks whether the terminal answers (cursor position report) and else prints plain log lines. */
void screen_start(void);
/* Something to show has changed: redraw soon. Any CPU. */
void screen_touch(void);

#endif
