/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's console: a log ring that the guest fills from any CPU, and readers on CPU 0. A slow reader loses the oldest output; the
 * guest never waits. */
#include <core/arith.h>
#include <core/hal.h>
#include <sandbox/console.h>
#include <stdlib.h>
#include <string.h>

/* A guest that writes byte by byte would have CPU 0 interrupted for each: readers hear of output at once, then so often. */
#define PACE_NS NS_PER_MS

static struct hpa *page_at(struct console *c, uint64_t at)
{
	return &c->pages[at / PAGE_SIZE % CONSOLE_PAGES];
}

static uint8_t *byte_at(struct console *c, uint64_t at)
{
	return (uint8_t *)hal_direct(*page_at(c, at)) + at % PAGE_SIZE;
}

/* The page of the next byte. Within a page that is there already nothing is asked for. */
static bool page_provide(struct console *c)
{
	struct hpa *page = page_at(c, c->end);

	return page->v || page_alloc(&pool_core, 0, PAGE_HOST, page) == OK;
}

/* Any CPU, under the VM's lock. Everything is taken: what does not fit pushes out the oldest; what no page is left for is lost. */
static size_t console_write(struct chardev *dev, const void *buf, size_t n)
{
	struct console *c = container_of(dev, struct console, dev);
	const uint8_t *p = buf;
	size_t skip = n > CONSOLE_LOG ? n - CONSOLE_LOG : 0;

	spin_lock(&c->lock);
	for (size_t i = skip; i < n; i++) {
		if (!page_provide(c))
			break;
		*byte_at(c, c->end++) = p[i];
	}
	spin_unlock(&c->lock);
	if (!atomic_load_explicit(&c->waking, memory_order_relaxed) && !atomic_exchange(&c->waking, true))
		work_post(0, &c->wake_work);
	return n;
}
static const struct chardev_ops console_ops = {.write = console_write};

static void console_wake_readers(struct console *c)
{
	list_foreach (it, &c->readers)
		wake_all(list_entry(it, struct console_reader, link)->wake);
}

/* false: there was nothing new. */
static bool console_tell(struct console *c)
{
	uint64_t end;

	spin_lock(&c->lock);
	end = c->end;
	spin_unlock(&c->lock);
	if (end == c->woken_end)
		return false;
	c->woken_end = end;
	console_wake_readers(c);
	return true;
}

static void console_pace(struct timer *t)
{
	struct console *c = container_of(t, struct console, pace);

	/* First the flag: what is written after this look posts anew. */
	atomic_store(&c->waking, false);
	if (console_tell(c) && !atomic_exchange(&c->waking, true))
		timer_set(t, hal_clock_ns() + PACE_NS);
}

static void console_wake_work(struct work *w)
{
	struct console *c = container_of(w, struct console, wake_work);

	(void)console_tell(c);
	timer_set(&c->pace, hal_clock_ns() + PACE_NS);
	if (c->refs == 0) { /* the last reference went while this was queued */
		timer_cancel(&c->pace);
		for (unsigned i = 0; i < CONSOLE_PAGES; i++)
			if (c->pages[i].v)
				page_free(&pool_core, c->pages[i], 0, PAGE_HOST);
		free(c);
	}
}

struct console *console_new(void)
{
	struct console *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->dev.ops = &console_ops;
	c->refs = 1;
	spin_init(&c->lock);
	work_init(&c->wake_work, console_wake_work);
	timer_init(&c->pace, console_pace);
	list_init(&c->readers);
	return c;
}

struct console *console_ref(struct console *c)
{
	c->refs++;
	return c;
}

void console_unref(struct console *c)
{
	if (c && --c->refs == 0)
		work_post(0, &c->wake_work); /* freed there: a wake may be queued already */
}

void console_close(struct console *c)
{
	c->closed = true;
	console_wake_readers(c);
}

void console_attach(struct console *c, struct console_reader *r, size_t backlog, struct wait_queue *wake)
{
	uint64_t have;

	spin_lock(&c->lock);
	have = MIN(c->end, (uint64_t)CONSOLE_LOG);
	r->cursor = c->end - MIN(have, (uint64_t)backlog);
	spin_unlock(&c->lock);
	r->wake = wake;
	list_push_back(&c->readers, &r->link);
}

void console_detach(struct console *c, struct console_reader *r)
{
	(void)c;
	list_remove(&r->link);
}

size_t console_read(struct console *c, struct console_reader *r, void *dst, size_t n)
{
	uint8_t *p = dst;
	size_t took = 0;

	spin_lock(&c->lock);
	if (c->end - r->cursor > CONSOLE_LOG)
		r->cursor = c->end - CONSOLE_LOG;
	while (took < n && r->cursor != c->end)
		p[took++] = *byte_at(c, r->cursor++);
	spin_unlock(&c->lock);
	return took;
}

bool console_claim(struct console *c, const void *key)
{
	if (!c->writer)
		c->writer = key;
	return c->writer == key;
}

void console_release(struct console *c, const void *key)
{
	if (c->writer != key)
		return;
	c->writer = NULL;
	console_wake_readers(c);
}
