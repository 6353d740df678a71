/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's console as the API sees it: the last 64 KiB of output, any number of readers with a cursor each, one writer. It costs what has
 * been written to it: pages come with the output.
 * Output comes from any CPU under the VM's lock; all else on CPU 0. */
#ifndef SANDBOX_CONSOLE_H
#define SANDBOX_CONSOLE_H
#include <core/arith.h>
#include <core/chardev.h>
#include <core/page.h>
#include <core/spinlock.h>
#include <core/task.h>
#include <stdatomic.h>
#include <stdbool.h>

#define CONSOLE_LOG 65536 /* power of two, of pages */
#define CONSOLE_PAGES (CONSOLE_LOG / PAGE_SIZE)

struct console {
	struct chardev dev;          /* given to the VM */
	struct spinlock lock;        /* guards end and pages */
	uint64_t end;                /* bytes ever written */
	struct hpa pages[CONSOLE_PAGES]; /* 0: nothing has been written there yet */
	struct work wake_work;       /* on CPU 0: wakes the readers, ... */
	struct timer pace;           /* ... and again at the end of a pause in which output interrupts nobody */
	atomic_bool waking;          /* from the first output until the end of that pause */
	uint64_t woken_end;          /* end when the readers were woken last; CPU 0 */
	struct list readers;         /* struct console_reader */
	const void *writer;          /* who may type, NULL: nobody */
	bool closed;                 /* the VM is gone */
	unsigned refs;
};
struct console_reader { struct list link; uint64_t cursor; struct wait_queue *wake; };

struct console *console_new(void);
struct console *console_ref(struct console *c);
void console_unref(struct console *c);      /* the last one frees */
void console_close(struct console *c);      /* wakes everybody: no more output */
/* Attaches a reader that starts at most backlog bytes before the end. wake is woken when there is more, or on close or writer change. */
void console_attach(struct console *c, struct console_reader *r, size_t backlog, struct wait_queue *wake);
void console_detach(struct console *c, struct console_reader *r);
/* Copies what is there from the reader's cursor, at most n bytes; a reader that fell behind skips to the oldest byte kept. */
size_t console_read(struct console *c, struct console_reader *r, void *dst, size_t n);
/* The one writer: true when key holds (or now got) the right to type. */
bool console_claim(struct console *c, const void *key);
void console_release(struct console *c, const void *key);

#endif
