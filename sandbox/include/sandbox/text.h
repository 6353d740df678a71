/* SPDX-License-Identifier: Apache-2.0 */
/* Text that was cut to fit. Pure. */
#ifndef SANDBOX_TEXT_H
#define SANDBOX_TEXT_H

/* Drops the beginning of a character at the end of s (UTF-8, RFC 3629), which is what cutting may leave: a JSON writer refuses it. */
void text_trim(char *s);

#endif
