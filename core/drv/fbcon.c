/* SPDX-License-Identifier: Apache-2.0 */
/* Text on the UEFI framebuffer: a shadow of character cells, of which only those that change are drawn. CPU 0, or any CPU
 * in a panic (it neither waits nor allocates after fbcon_init). The framebuffer is only ever written: it is mapped
 * write-combining, where reads crawl. Knows no log and no layout. */
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/fbcon.h>
#include <core/font.h>
#include <core/hal.h>
#include <core/page.h>

#define CELL_W ((unsigned)FONT_WIDTH)
#define CELL_H ((unsigned)FONT_HEIGHT)
#define MAX_PIXELS 16384u /* each way */
#define BACKGROUND 0x0b0e14u

/* Red, green, blue from the top. */
static const uint32_t fb_palette[] = {
	[FB_FG] = 0xc8ccd4, [FB_DIM] = 0x6b7280, [FB_BRIGHT] = 0xffffff, [FB_ACCENT] = 0x5cc8ff,
	[FB_OK] = 0x7fd962, [FB_WARN] = 0xffb454, [FB_ERR] = 0xff6b6b,
};

struct fb_cell { unsigned char c, color; };

static struct {
	volatile uint8_t *base;
	uint32_t pitch;
	bool bgr;
	unsigned cols, rows;
	struct fb_cell *cells;
} fb;

static uint32_t fb_pixel(uint32_t rgb)
{
	if (fb.bgr) /* UEFI 2.10, 12.9.2: blue in the lowest byte */
		return rgb;
	return (rgb & 0xff) << 16 | (rgb & 0xff00) | rgb >> 16;
}

/* Line by line from left to right, as write combining likes it. */
static void fb_draw(unsigned col, unsigned row, struct fb_cell cell)
{
	const uint8_t *glyph = font_glyphs[cell.c - ' '].rows; /* fb_set's callers give printable ASCII only */
	uint32_t on = fb_pixel(fb_palette[cell.color]), off = fb_pixel(BACKGROUND);
	volatile uint8_t *line = fb.base + (size_t)row * CELL_H * fb.pitch + (size_t)col * CELL_W * 4;

	for (unsigned y = 0; y < CELL_H; y++, line += fb.pitch) {
		volatile uint32_t *px = (volatile uint32_t *)line;
		unsigned bits = glyph[y];

		for (unsigned x = 0; x < CELL_W; x++)
			px[x] = bits & (0x80u >> x) ? on : off;
	}
}

static void fb_set(unsigned col, unsigned row, struct fb_cell cell)
{
	struct fb_cell *old = &fb.cells[(size_t)row * fb.cols + col];

	if (old->c == cell.c && (old->color == cell.color || cell.c == ' '))
		return;
	*old = cell;
	fb_draw(col, row, cell);
}

/* A blank screen, including the margins that hold no whole cell. */
static void fb_blank(uint32_t width, uint32_t height)
{
	uint32_t off = fb_pixel(BACKGROUND);

	for (uint32_t y = 0; y < height; y++) {
		volatile uint32_t *px = (volatile uint32_t *)(fb.base + (size_t)y * fb.pitch);

		for (uint32_t x = 0; x < width; x++)
			px[x] = off;
	}
}

err_t fbcon_init(void)
{
	const struct boot_framebuffer *f = &boot_info->fb;
	size_t ncells = (size_t)(f->width / CELL_W) * (f->height / CELL_H);
	volatile void *map;
	err_t e;

	if (f->width == 0)
		return E_NOENT;
	/* The firmware's word: every pixel must lie in the memory it gave. */
	if (f->width > MAX_PIXELS || f->height > MAX_PIXELS || ncells == 0 || f->pitch_bytes % 4 ||
	    f->pitch_bytes / 4 < f->width || (uint64_t)f->pitch_bytes * f->height > f->size || !is_aligned(f->base.v, 4))
		return E_CORRUPT;
	fb.cells = pool_alloc(&pool_core, ncells * sizeof(*fb.cells));
	if (!fb.cells)
		return E_NOMEM;
	e = hal_map_device(f->base, f->size, HAL_MAP_RW | HAL_MAP_WC, &map);
	if (e != OK) {
		pool_free(&pool_core, fb.cells, ncells * sizeof(*fb.cells));
		fb.cells = NULL;
		return e;
	}
	fb.base = map;
	fb.pitch = f->pitch_bytes;
	fb.bgr = f->bgr;
	for (size_t i = 0; i < ncells; i++)
		fb.cells[i] = (struct fb_cell){' ', FB_FG};
	fb_blank(f->width, f->height);
	fb.cols = f->width / CELL_W;
	fb.rows = f->height / CELL_H;
	return OK;
}

unsigned fbcon_cols(void)
{
	return fb.cols;
}

unsigned fbcon_rows(void)
{
	return fb.rows;
}

void fbcon_put(unsigned col, unsigned row, enum fb_color color, const char *text, unsigned len)
{
	if (row >= fb.rows || (unsigned)color >= ARRAY_LEN(fb_palette))
		return;
	for (unsigned i = 0; i < len && col + i < fb.cols && col + i >= col; i++) {
		unsigned char c = (unsigned char)text[i];

		fb_set(col + i, row, (struct fb_cell){c < ' ' || c >= 0x7f ? '?' : c, (unsigned char)color});
	}
}

void fbcon_clear_to_eol(unsigned col, unsigned row)
{
	if (row >= fb.rows)
		return;
	for (; col < fb.cols; col++)
		fb_set(col, row, (struct fb_cell){' ', FB_FG});
}
